// Whole PNG files of random pictures: the same from every tier and number of threads, and read back by a plain decoder.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "codec_support.hpp"
#include "codecs/png_encode.hpp"
#include "core/error.hpp"
#include "plain_png.hpp"

namespace {

// A picture of samples anywhere in memory, and its samples as a file has them.
struct Picture {
  Bytes memory;
  ImageView view;
  Bytes expected;
};

Picture random_picture(Random& random, std::int32_t width, std::int32_t height) {
  Picture picture;
  const std::int32_t channels = random.between(1, 4);
  const Sample sample = random.pick({Sample::u8, Sample::u8, Sample::u16});
  const std::ptrdiff_t size = bytes_of(sample);
  const std::ptrdiff_t packed = size * channels;
  const bool planar = random.one_in(6);
  const std::ptrdiff_t gap = random.one_in(3) ? random.between(1, 5) * size : 0;
  const std::ptrdiff_t pixel_stride = planar ? size : packed + (random.one_in(6) ? gap : 0);
  const std::ptrdiff_t row = planar ? size * width : pixel_stride * (width - 1) + packed;
  const std::ptrdiff_t stride = row + gap;
  const std::ptrdiff_t plane = planar ? stride * height : size;
  const std::ptrdiff_t bytes = (planar ? plane * (channels - 1) : 0) + stride * (height - 1) + row;
  picture.memory.resize(static_cast<std::size_t>(bytes));
  for (std::ptrdiff_t i = 0; i < bytes;) {  // bands of other kinds
    const auto part = std::min<std::ptrdiff_t>(bytes - i, stride * random.between(1, 200));
    fill(random, picture.memory.data() + i, static_cast<std::size_t>(part));
    i += part;
  }
  if (random.one_in(3) && !planar) {  // rows like those above, or moved
    for (std::int32_t y = 1; y < height; ++y) {
      if (random.one_in(3)) continue;
      const auto at = picture.memory.begin() + stride * y;
      std::copy_n(at - stride, row, at);
    }
  }
  const std::uint8_t* first = picture.memory.data();
  picture.view = {first, width, height, channels, stride, sample, pixel_stride, plane};
  if (random.one_in(4)) {
    picture.view.data = first + stride * (height - 1);
    picture.view.stride = -stride;
  }
  for (std::int32_t y = 0; y < height; ++y) {
    for (std::int32_t x = 0; x < width; ++x) {
      for (std::int32_t c = 0; c < channels; ++c) {
        const std::uint8_t* p = static_cast<const std::uint8_t*>(picture.view.data) + y * picture.view.stride +
                                x * pixel_stride + c * plane;
        for (std::ptrdiff_t k = size; k-- > 0;) picture.expected.push_back(p[k]);
      }
    }
  }
  return picture;
}

// Written piece by piece, as by whoever never has the whole picture.
Bytes in_pieces(Random& random, const CodecTable& tier, const ImageView& image, const std::vector<PngChunk>& chunks) {
  PngWriter writer(tier, image, chunks);
  Bytes file;
  for (std::int32_t y = 0, rows = 0; y < image.height; y += rows) {
    rows = std::min(writer.band_rows() * random.between(1, 3), image.height - y);
    ImageView strip = image;
    strip.data = static_cast<const std::uint8_t*>(image.data) + y * image.stride;
    strip.height = rows;
    Bytes piece(writer.bound(rows));
    piece.resize(writer.write(strip, random.between(1, 3), piece.data()));
    file.insert(file.end(), piece.begin(), piece.end());
  }
  return file;
}

void check_file(Random& random, const Tiers& tiers, std::int32_t width, std::int32_t height) {
  const Picture picture = random_picture(random, width, height);
  const std::uint8_t body[] = {1, 2, 3};
  std::vector<PngChunk> chunks;
  if (random.one_in(3)) chunks.push_back({{'t', 'e', 'S', 't'}, body, random.one_in(2) ? sizeof body : 0});
  const std::size_t bound = png_bound(picture.view, chunks);
  constexpr std::size_t kGuard = 64;
  const auto encoded = [&](const CodecTable& tier, int threads) {
    Bytes file(bound + kGuard, 0xa5);
    const std::size_t size = png_encode(tier, picture.view, chunks, threads, file.data());
    expect(size <= bound, tier, "a file beyond its bound");
    const auto guard = file.begin() + static_cast<std::ptrdiff_t>(bound);
    expect(std::all_of(guard, file.end(), [](std::uint8_t b) { return b == 0xa5; }), tier, "written beyond the bound");
    file.resize(size);
    return file;
  };
  const std::string name = std::to_string(width) + " x " + std::to_string(height) + " x " +
                           std::to_string(picture.view.channels) + (picture.view.sample == Sample::u16 ? " wide" : "");
  const Bytes file = encoded(reference_table, 1);
  try {
    const plain_png::Picture back = plain_png::decode(file.data(), file.size());
    const bool shaped = back.width == static_cast<std::uint32_t>(width) &&
                        back.height == static_cast<std::uint32_t>(height) &&
                        back.channels == static_cast<std::uint32_t>(picture.view.channels);
    expect(shaped && back.samples == picture.expected, reference_table, "other pixels: " + name);
    expect(back.rest == (chunks.empty() ? "" : "teSt"), reference_table, "chunks: " + name);
  } catch (const std::runtime_error& error) {
    checking::fail(name, error.what());
  }
  expect(in_pieces(random, reference_table, picture.view, chunks) == file, reference_table,
         "another in pieces: " + name);
  for (const CodecTable* tier : tiers) {
    for (const int threads : {1, random.between(2, 5)}) {
      expect(encoded(*tier, threads) == file, *tier, "another file: " + name);
    }
  }
}

void check_any_file(Random& random, const Tiers& tiers) {
  if (random.one_in(60)) return check_file(random, tiers, random.between(300, 900), random.between(300, 900));
  if (random.one_in(60)) return check_file(random, tiers, random.between(20000, 300000), random.between(1, 4));
  if (random.one_in(60)) return check_file(random, tiers, random.between(1, 3), random.between(20000, 300000));
  if (random.one_in(60))
    return check_file(random, tiers, random.between(2000, 3000), random.between(300, 900));  // bands
  check_file(random, tiers, random.between(1, 140), random.between(1, 140));
}

}  // namespace
