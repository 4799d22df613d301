// Kernels that bring pictures to the device's network: resizes and packing.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "device_support.hpp"

namespace {

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

}  // namespace
