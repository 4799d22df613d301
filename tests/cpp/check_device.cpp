// Checks the device kernels against the host's reference, bit for bit, and times them.
//   check_device [ROUNDS [SEED [DRIVER]]]   DRIVER: another library than libcuda.so.1, such as the stand-in
//   check_device time [DRIVER]              one table: milliseconds of each kernel, of host kernels and of copies
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "cuda/device.hpp"
#include "cuda/samples.hpp"
#include "kernels/dispatch.hpp"
#include "pipeline/axis.hpp"
#include "pipeline/cutout.hpp"
#include "pipeline/preprocess.hpp"

namespace {

namespace cuda = rmbg::cuda;
namespace kernels = rmbg::kernels;
using kernels::reference_table;

int failures = 0;
void expect(bool holds, const std::string& what) {
  if (holds) return;
  if (++failures <= 20) std::printf("FAILED: %s\n", what.c_str());
}

std::mt19937 random_bits;
int between(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_bits); }
bool coin() { return between(0, 1) == 1; }

std::vector<std::uint8_t> random_bytes(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_bits());
  return bytes;
}

// A mask of values around 0..1, and now and then what is no number.
std::vector<float> random_mask(std::size_t count) {
  std::vector<float> mask(count);
  std::normal_distribution<float> values(0.4f, 0.6f);
  for (auto& v : mask) {
    v = values(random_bits);
    if (between(0, 999) == 0) v = coin() ? NAN : coin() ? INFINITY : -INFINITY;
  }
  return mask;
}

// Memory of the device with what a vector holds.
class OnDevice {
 public:
  template <typename T>
  OnDevice(cuda::Stream& stream, const std::vector<T>& values) : buffer_(stream.device()) {
    buffer_.reserve(std::max<std::size_t>(values.size() * sizeof(T), 1));
    if (!values.empty()) stream.upload(buffer_.data(), values.data(), values.size() * sizeof(T));
    stream.wait();
  }
  template <typename T>
  void get(cuda::Stream& stream, std::vector<T>& values) const {
    stream.download(values.data(), buffer_.data(), values.size() * sizeof(T));
    stream.wait();
  }
  template <typename T>
  T* as() const {
    return static_cast<T*>(buffer_.data());
  }

 private:
  cuda::DeviceBuffer buffer_;
};

template <typename Job>
void launch(cuda::Stream& stream, const char* name, const Job& job, std::int32_t width, std::int32_t height) {
  stream.launch(name, static_cast<unsigned>(width), static_cast<unsigned>(height), job, static_cast<unsigned>(width),
                static_cast<unsigned>(height));
}

// The tables of one axis, on the device.
struct DeviceAxis {
  OnDevice first, count, weights;
  template <typename Table>
  static DeviceAxis of(cuda::Stream& stream, const Table& table) {
    return {OnDevice(stream, table.first), OnDevice(stream, table.count), OnDevice(stream, table.weights)};
  }
};
struct DeviceBilinear {
  OnDevice first, weight;
  DeviceBilinear(cuda::Stream& stream, const rmbg::BilinearTable& table)
      : first(stream, table.first), weight(stream, table.weight) {}
  kernels::BilinearAxis view(std::int32_t denominator) const {
    return {first.as<std::int32_t>(), weight.as<std::int16_t>(), denominator};
  }
};

struct Case {
  std::int32_t in_width, in_height, width, height, channels;
  std::string name() const {
    return std::to_string(in_width) + "x" + std::to_string(in_height) + "x" + std::to_string(channels) + " -> " +
           std::to_string(width) + "x" + std::to_string(height);
  }
};
Case random_case() {
  constexpr std::int32_t channels[] = {1, 3, 4};
  return {between(1, 90), between(1, 90), between(1, 70), between(1, 70), channels[between(0, 2)]};
}

kernels::NormalizedPlanes random_planes(const Case& c, void* dst) {
  kernels::NormalizedPlanes planes{};
  planes.width = c.width;
  planes.height = c.height;
  for (int i = 0; i < 3; ++i) {
    planes.scale[i] = static_cast<float>(between(1, 1000)) / 70000.0f;
    planes.bias[i] = static_cast<float>(between(-1000, 1000)) / 500.0f;
  }
  planes.rounding = static_cast<kernels::Rounding>(between(0, 2));
  planes.half = coin();
  planes.dst = dst;
  return planes;
}

void check_picture(cuda::Stream& stream) {
  const Case c = random_case();
  const std::ptrdiff_t stride = c.in_width * c.channels + between(0, 9);
  const auto picture = random_bytes(static_cast<std::size_t>(stride * c.in_height));
  const OnDevice device_picture(stream, picture);
  const bool bgr = coin();
  const std::size_t bytes = 3u * 4u * static_cast<std::size_t>(c.width) * static_cast<std::size_t>(c.height);
  std::vector<std::uint8_t> wanted(bytes, 0x5a), got(bytes, 0x5a);
  const auto planes = random_planes(c, wanted.data());
  const auto compare = [&](const char* name, auto host, auto device, auto reference) {
    std::fill(wanted.begin(), wanted.end(), 0x5a);
    const OnDevice result(stream, wanted);
    std::vector<std::uint8_t> scratch(kernels::scratch_bytes(host) + 64);
    reference(host, 0, c.height, scratch.data());
    device.out.dst = result.as<void>();
    launch(stream, name, device, c.width, c.height);
    result.get(stream, got);
    expect(got == wanted, std::string(name) + " " + c.name());
  };
  const kernels::Picture8 on_host{picture.data(), stride, c.in_width, c.in_height, c.channels, bgr};
  kernels::Picture8 on_device = on_host;
  on_device.data = device_picture.as<std::uint8_t>();
  {
    const auto centres = coin() ? rmbg::Centres::half_pixel : rmbg::Centres::topleft;
    const auto columns = rmbg::bilinear_table(c.in_width, c.width, centres);
    const auto rows = rmbg::bilinear_table(c.in_height, c.height, centres);
    const DeviceBilinear device_columns(stream, columns), device_rows(stream, rows);
    compare("resize_bilinear", kernels::ResizeBilinear{on_host, columns.view(), rows.view(), planes},
            kernels::ResizeBilinear{on_device, device_columns.view(columns.denominator),
                                    device_rows.view(rows.denominator), planes},
            reference_table.resize_bilinear);
  }
  {
    const auto columns = rmbg::triangle_table(c.in_width, c.width);
    const auto rows = rmbg::triangle_table(c.in_height, c.height);
    const DeviceAxis dc = DeviceAxis::of(stream, columns), dr = DeviceAxis::of(stream, rows);
    compare(
        "resize_triangle", kernels::ResizeTriangle{on_host, columns.view(), rows.view(), planes},
        kernels::ResizeTriangle{
            on_device,
            {dc.first.as<std::int32_t>(), dc.count.as<std::int32_t>(), dc.weights.as<std::int16_t>(), columns.stride},
            {dr.first.as<std::int32_t>(), dr.count.as<std::int32_t>(), dr.weights.as<std::int16_t>(), rows.stride},
            planes},
        reference_table.resize_triangle);
  }
  {
    const auto filter = static_cast<rmbg::Filter>(between(0, 2));
    const auto columns = rmbg::level_table(c.in_width, c.width, filter);
    const auto rows = rmbg::level_table(c.in_height, c.height, filter);
    const DeviceAxis dc = DeviceAxis::of(stream, columns), dr = DeviceAxis::of(stream, rows);
    const std::ptrdiff_t out_stride = c.width * c.channels;
    std::vector<std::uint8_t> levels(static_cast<std::size_t>(out_stride * c.height)), device_levels = levels;
    const OnDevice result(stream, levels);
    kernels::ResizeLevels job{picture.data(), stride,  c.in_width, c.in_height,   c.channels, columns.view(),
                              rows.view(),    c.width, c.height,   levels.data(), out_stride};
    std::vector<std::uint8_t> scratch(kernels::scratch_bytes(job) + 64);
    reference_table.resize_levels(job, 0, c.height, scratch.data());
    job.src = on_device.data;
    job.columns = {dc.first.as<std::int32_t>(), dc.count.as<std::int32_t>(), dc.weights.as<std::int32_t>(), nullptr,
                   columns.stride};
    job.rows = {dr.first.as<std::int32_t>(), dr.count.as<std::int32_t>(), dr.weights.as<std::int32_t>(), nullptr,
                rows.stride};
    job.dst = result.as<std::uint8_t>();
    launch(stream, "resize_levels", job, c.width, c.height);
    result.get(stream, device_levels);
    expect(levels == device_levels, "resize_levels " + c.name());
  }
}

void check_pack(cuda::Stream& stream) {
  const Case c = random_case();
  const bool wide = coin(), narrow = wide && coin();
  const std::ptrdiff_t size = wide ? 2 : 1;
  const std::ptrdiff_t channel_stride = size * between(1, 2),
                       pixel_stride = channel_stride * c.channels + between(0, 3);
  const std::ptrdiff_t stride = pixel_stride * c.in_width + between(0, 5);
  const auto picture = random_bytes(static_cast<std::size_t>(stride * c.in_height + 8));
  const OnDevice device_picture(stream, picture);
  const std::ptrdiff_t out_stride = c.in_width * c.channels * (wide && !narrow ? 2 : 1);
  std::vector<std::uint8_t> wanted(static_cast<std::size_t>(out_stride * c.in_height)), got = wanted;
  const OnDevice result(stream, wanted);
  kernels::Pack job{picture.data(), stride, pixel_stride, channel_stride, c.in_width,
                    c.channels,     wide,   narrow,       wanted.data(),  out_stride};
  reference_table.pack(job, 0, c.in_height);
  job.src = device_picture.as<void>();
  job.dst = result.as<void>();
  launch(stream, "pack", job, c.in_width, c.in_height);
  result.get(stream, got);
  expect(got == wanted, "pack " + c.name());
}

void check_mask(cuda::Stream& stream) {
  const Case c = random_case();
  const auto mask = random_mask(static_cast<std::size_t>(c.in_width) * static_cast<std::size_t>(c.in_height));
  const OnDevice device_mask(stream, mask);
  const auto range_of = [&](const OnDevice& keys) {
    std::vector<cuda::RangeKeys> found(1);
    keys.get(stream, found);
    return kernels::MinMax{found[0].lo == ~0u ? INFINITY : cuda::value_of(found[0].lo),
                           found[0].lo == ~0u ? -INFINITY : cuda::value_of(found[0].hi)};
  };
  const auto same = [](const kernels::MinMax& a, const kernels::MinMax& b) {
    return std::memcmp(&a, &b, sizeof a) == 0;
  };
  const std::vector<cuda::RangeKeys> start{{~0u, 0u}};
  const OnDevice keys(stream, start);
  launch(stream, "plane_range",
         cuda::PlaneRange{device_mask.as<float>(), c.in_width, c.in_height, keys.as<cuda::RangeKeys>()}, c.in_width,
         cuda::strips(c.in_height));
  const auto range = reference_table.minmax(mask.data(), mask.size());
  expect(same(range_of(keys), range), "plane_range " + c.name());

  const auto resample = static_cast<rmbg::MaskResample>(between(0, 4));
  const auto columns = rmbg::mask_table(c.in_width, c.width, resample);
  const auto rows = rmbg::mask_table(c.in_height, c.height, resample);
  const DeviceAxis dc = DeviceAxis::of(stream, columns), dr = DeviceAxis::of(stream, rows);
  const bool wide = coin();
  std::vector<std::uint8_t> wanted(static_cast<std::size_t>(c.width * c.height) * 8), got = wanted;
  kernels::ResizeMask host{mask.data(), c.in_width, c.in_height, columns.view(), rows.view(),   0.0f, 1.0f,
                           coin(),      {},         c.width,     c.height,       wanted.data(), 0};
  constexpr float tops[] = {255.0f, 65535.0f, 1.0f};
  const float top = tops[between(0, 2)];
  host.type = top == 255.0f ? kernels::MaskType::u8 : top == 1.0f ? kernels::MaskType::f32 : kernels::MaskType::u16;
  host.lo = static_cast<float>(between(-10, 10)) / 40.0f;
  host.gain = top * static_cast<float>(between(1, 100)) / 50.0f;
  host.dst_stride = c.width * 4;
  kernels::ResizeMask device = host;
  device.src = device_mask.as<float>();
  device.columns = {dc.first.as<std::int32_t>(), dc.count.as<std::int32_t>(), dc.weights.as<float>(), columns.taps};
  device.rows = {dr.first.as<std::int32_t>(), dr.count.as<std::int32_t>(), dr.weights.as<float>(), rows.taps};
  std::vector<std::uint8_t> scratch(kernels::scratch_bytes(host) + 64);

  const OnDevice resized_keys(stream, start);
  launch(stream, "resized_range", cuda::ResizedRange{device, resized_keys.as<cuda::RangeKeys>()}, c.width,
         cuda::strips(c.height));
  expect(same(range_of(resized_keys), reference_table.resize_range(host, 0, c.height, scratch.data())),
         "resized_range " + c.name());

  const OnDevice result(stream, wanted);
  reference_table.resize_mask(host, 0, c.height, scratch.data());
  device.dst = result.as<void>();
  launch(stream, "resize_mask", device, c.width, c.height);
  result.get(stream, got);
  expect(got == wanted, "resize_mask " + c.name());

  const std::ptrdiff_t size = wide ? 2 : 1;
  const auto picture = random_bytes(static_cast<std::size_t>(c.width * c.height * c.channels * size));
  const OnDevice device_picture(stream, picture);
  kernels::Blend mix{};
  mix.src = picture.data();
  mix.channels = c.channels;
  mix.src_stride = c.width * c.channels * size;
  mix.dst = wanted.data();
  mix.dst_stride = c.width * 4 * size;
  mix.width = c.width;
  mix.height = c.height;
  mix.wide = wide;
  mix.mode = static_cast<kernels::BlendMode>(between(0, 2));
  mix.threshold = coin() ? 0 : between(1, wide ? 65535 : 255);
  for (auto& sample : mix.background) sample = static_cast<std::uint16_t>(between(0, wide ? 65535 : 255));
  std::fill(wanted.begin(), wanted.end(), 0x5a);
  const OnDevice cut(stream, wanted);
  reference_table.cutout(host, mix, 0, c.height, scratch.data());
  cuda::Cutout job{device, mix};
  job.mix.src = device_picture.as<void>();
  job.mix.dst = cut.as<void>();
  launch(stream, "cutout", job, c.width, c.height);
  cut.get(stream, got);
  expect(got == wanted, "cutout " + c.name());

  const auto alpha = random_bytes(static_cast<std::size_t>(c.width * c.height * size));
  const OnDevice device_alpha(stream, alpha);
  std::fill(wanted.begin(), wanted.end(), 0x5a);
  mix.alpha = alpha.data();
  mix.alpha_stride = c.width * size;
  reference_table.blend(mix, 0, c.height);
  kernels::Blend blend = job.mix;
  blend.alpha = device_alpha.as<void>();
  blend.alpha_stride = mix.alpha_stride;
  launch(stream, "blend", blend, c.width, c.height);
  cut.get(stream, got);
  expect(got == wanted, "blend " + c.name());
}

void check_activation(cuda::Stream& stream) {
  const Case c = random_case();
  const auto count = static_cast<std::size_t>(c.width * c.height);
  const bool half = coin(), sigmoid = coin();
  auto values = random_mask(count);
  std::vector<std::uint16_t> halves(count);
  for (std::size_t i = 0; i < count; ++i) halves[i] = half_from_float(values[i]);
  const OnDevice source = half ? OnDevice(stream, halves) : OnDevice(stream, values);
  std::vector<float> got(count);
  const OnDevice result(stream, got);
  launch(stream, "activation", cuda::Activation{source.as<void>(), result.as<float>(), c.width, half, sigmoid}, c.width,
         c.height);
  result.get(stream, got);
  for (std::size_t i = 0; i < count; ++i) {
    const float v = half ? half_to_float(halves[i]) : values[i];
    float wanted = v;
    if (sigmoid) reference_table.sigmoid(&v, 1, &wanted);
    const bool same = std::isnan(wanted) ? std::isnan(got[i]) : std::memcmp(&wanted, &got[i], sizeof wanted) == 0;
    expect(same, "activation " + c.name());
  }
  const float lo = 0.1f, gain = 1.3f;
  std::vector<unsigned long long> sums(cuda::Coverage::kSums);
  const OnDevice device_sums(stream, sums);
  launch(stream, "coverage",
         cuda::Coverage{result.as<float>(), c.width, c.height, lo, gain, device_sums.as<unsigned long long>()}, c.width,
         cuda::strips(c.height));
  device_sums.get(stream, sums);
  double total = 0.0, wanted = 0.0;
  for (const auto sum : sums) total += static_cast<double>(sum);
  for (const float v : got) wanted += std::isnan(v) ? 0.0 : std::clamp((static_cast<double>(v) - lo) * gain, 0.0, 1.0);
  expect(std::fabs(total / 0x1p24 - wanted) <= 1e-6 * static_cast<double>(count), "coverage " + c.name());
}

// Milliseconds of one call: the median of `repeats`, each of which waits.
double milliseconds(const std::function<void()>& call, int repeats = 15) {
  std::vector<double> times;
  for (int i = 0; i < repeats + 2; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    const double time = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (i >= 2) times.push_back(time);  // the first ones warm up
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void time_picture(cuda::Stream& stream, std::int32_t width, std::int32_t height, int repeats) {
  constexpr std::int32_t side = 1024;
  const cuda::Device& device = stream.device();
  const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const auto picture = random_bytes(pixels * 3);
  const auto mask = random_mask(side * side);
  cuda::HostBuffer pinned(&device), pinned_result(&device);
  pinned.reserve(pixels * 3);
  pinned_result.reserve(pixels * 4);
  std::memcpy(pinned.data(), picture.data(), picture.size());
  std::vector<std::uint8_t> result(pixels * 4);
  std::vector<float> planes(3 * side * side);
  const OnDevice device_picture(stream, picture), device_result(stream, result), device_planes(stream, planes),
      device_mask(stream, mask);
  const auto line = [&](const char* what, const std::function<void()>& call) {
    std::printf("%-38s %5d x %-5d %9.3f ms\n", what, width, height, milliseconds(call, repeats));
    std::fflush(stdout);
  };
  line("picture to the device, page-locked", [&] {
    stream.upload(device_picture.as<void>(), pinned.data(), pixels * 3);
    stream.wait();
  });
  line("picture to the device, as it lies", [&] {
    stream.upload(device_picture.as<void>(), picture.data(), pixels * 3);
    stream.wait();
  });
  line("RGBA from the device, page-locked", [&] {
    stream.download(pinned_result.data(), device_result.as<void>(), pixels * 4);
    stream.wait();
  });
  line("RGBA from the device, as it lies", [&] {
    stream.download(result.data(), device_result.as<void>(), pixels * 4);
    stream.wait();
  });
  kernels::NormalizedPlanes out{side,
                                side,
                                {0.004f, 0.004f, 0.004f},
                                {-0.5f, -0.5f, -0.5f},
                                kernels::Rounding::truncate,
                                false,
                                device_planes.as<void>()};
  const kernels::Picture8 src{device_picture.as<std::uint8_t>(), width * 3, width, height, 3, false};
  const auto bc = rmbg::bilinear_table(width, side), br = rmbg::bilinear_table(height, side);
  const DeviceBilinear dbc(stream, bc), dbr(stream, br);
  line("resize_bilinear on the device", [&] {
    launch(stream, "resize_bilinear",
           kernels::ResizeBilinear{src, dbc.view(bc.denominator), dbr.view(br.denominator), out}, side, side);
    stream.wait();
  });
  const auto tc = rmbg::triangle_table(width, side), tr = rmbg::triangle_table(height, side);
  const DeviceAxis dtc = DeviceAxis::of(stream, tc), dtr = DeviceAxis::of(stream, tr);
  line("resize_triangle on the device", [&] {
    launch(stream, "resize_triangle",
           kernels::ResizeTriangle{
               src,
               {dtc.first.as<std::int32_t>(), dtc.count.as<std::int32_t>(), dtc.weights.as<std::int16_t>(), tc.stride},
               {dtr.first.as<std::int32_t>(), dtr.count.as<std::int32_t>(), dtr.weights.as<std::int16_t>(), tr.stride},
               out},
           side, side);
    stream.wait();
  });
  const auto mc = rmbg::mask_table(side, width, rmbg::MaskResample::bilinear);
  const auto mr = rmbg::mask_table(side, height, rmbg::MaskResample::bilinear);
  const DeviceAxis dmc = DeviceAxis::of(stream, mc), dmr = DeviceAxis::of(stream, mr);
  const std::vector<cuda::RangeKeys> start{{~0u, 0u}};
  const OnDevice keys(stream, start);
  line("range of the mask on the device", [&] {
    launch(stream, "plane_range", cuda::PlaneRange{device_mask.as<float>(), side, side, keys.as<cuda::RangeKeys>()},
           side, cuda::strips(side));
    stream.wait();
  });
  cuda::Cutout job{};
  job.mask = {device_mask.as<float>(),
              side,
              side,
              {dmc.first.as<std::int32_t>(), dmc.count.as<std::int32_t>(), dmc.weights.as<float>(), mc.taps},
              {dmr.first.as<std::int32_t>(), dmr.count.as<std::int32_t>(), dmr.weights.as<float>(), mr.taps},
              0.0f,
              255.0f,
              true,
              kernels::MaskType::u8,
              width,
              height,
              nullptr,
              0};
  job.mix = {device_picture.as<void>(),    width * 3, 3,         nullptr, 0,
             device_result.as<void>(),     width * 4, width,     height,  false,
             kernels::BlendMode::straight, 0,         {0, 0, 0}, nullptr, 0};
  line("cutout on the device", [&] {
    launch(stream, "cutout", job, width, height);
    stream.wait();
  });
  rmbg::Tables tables;
  for (const int threads : {1, 4, 16}) {
    out.dst = planes.data();
    const auto view = rmbg::packed_view(picture.data(), width, height, 3, width * 3, rmbg::Sample::u8);
    const rmbg::MutableImageView target{result.data(), width, height, 4, width * 4, rmbg::Sample::u8};
    const std::string of = " on the host, threads: " + std::to_string(threads);
    line(("resize_bilinear" + of).c_str(),
         [&] { rmbg::preprocess(view, rmbg::Resample::bilinear, false, out, tables, threads); });
    line(("resize_triangle" + of).c_str(),
         [&] { rmbg::preprocess(view, rmbg::Resample::triangle, false, out, tables, threads); });
    line(("cutout" + of).c_str(), [&] {
      rmbg::MaskResizer alpha(tables, {mask.data(), side, side}, rmbg::MaskResample::bilinear, width, height,
                              kernels::MaskType::u8);
      alpha.scale({0.0f, 255.0f}, true, threads);
      rmbg::cutout(view, alpha, {}, target, threads);
    });
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  const bool timing = argument_count > 1 && std::strcmp(arguments[1], "time") == 0;
  const int driver_at = timing ? 2 : 3;
  try {
    if (argument_count > driver_at) cuda::use_driver(arguments[driver_at]);
    cuda::Stream stream(cuda::Device::get(0));
    std::printf("%s, compute capability %s, tier of the host: %s\n", stream.device().name().c_str(),
                stream.device().capability().c_str(), kernels::active().name);
    if (timing) {
      const bool stand_in = stream.device().name() == "stand-in";
      time_picture(stream, 1920, 1080, stand_in ? 1 : 15);
      if (!stand_in) time_picture(stream, 4000, 3000, 15);
      return 0;
    }
    const int rounds = argument_count > 1 ? std::atoi(arguments[1]) : 200;
    random_bits.seed(argument_count > 2 ? static_cast<unsigned>(std::atoi(arguments[2])) : 1u);
    for (int i = 0; i < rounds; ++i) {
      check_picture(stream);
      check_pack(stream);
      check_mask(stream);
      check_activation(stream);
    }
    bool refused = false;
    try {
      cuda::Device::get(cuda::Device::count());
    } catch (const rmbg::Error& error) {
      refused = error.kind() == rmbg::ErrorKind::device;
    }
    expect(refused, "a device that is not there");
  } catch (const rmbg::Error& error) {
    expect(false, error.what());
  }
  std::printf(failures == 0 ? "all good\n" : "%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
