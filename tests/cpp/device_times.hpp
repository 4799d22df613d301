// One table of times: each kernel of the device, the host's, and the copies between them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "cuda/samples.hpp"
#include "device_support.hpp"
#include "pipeline/cutout.hpp"
#include "pipeline/preprocess.hpp"

namespace {

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
  job.mix = {};
  job.mix.src = device_picture.as<void>();
  job.mix.src_stride = width * 3;
  job.mix.channels = 3;
  job.mix.dst = device_result.as<void>();
  job.mix.dst_stride = width * 4;
  job.mix.width = width;
  job.mix.height = height;
  job.mix.mode = kernels::BlendMode::straight;
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
