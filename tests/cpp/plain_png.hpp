// A decoder of the files that the encoder writes, in the plainest way and strict: what it does not expect is an error.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace plain_png {

using Bytes = std::vector<std::uint8_t>;

struct Picture {
  std::uint32_t width;
  std::uint32_t height;
  std::uint32_t channels;
  std::uint32_t bits;
  Bytes samples;     // as the file has them: 16 bits with the higher byte first
  Bytes filters;     // of each row
  std::string rest;  // types of the other chunks, in order
};

inline void expect(bool right, const char* what) {
  if (!right) throw std::runtime_error(what);
}

class Inflater {
 public:
  explicit Inflater(const Bytes& data) : data_(data) {}

  Bytes run() {
    for (bool last = false; !last;) {
      last = bits(1) != 0;
      const std::uint32_t type = bits(2);
      if (type == 0) {
        stored();
      } else {
        expect(type < 3, "a block of type 3");
        type == 1 ? fixed() : dynamic();
        coded();
      }
    }
    at_ = (at_ + 7) / 8 * 8;
    return out_;
  }
  std::size_t used() const { return at_ / 8; }

 private:
  struct Code {
    int counts[16];
    std::vector<int> symbols;
  };

  std::uint32_t bits(int n) {
    std::uint32_t value = 0;
    for (int i = 0; i < n; ++i, ++at_) {
      expect(at_ / 8 < data_.size(), "the stream ends early");
      value |= static_cast<std::uint32_t>(data_[at_ / 8] >> (at_ % 8) & 1) << i;
    }
    return value;
  }

  // A code may be incomplete only where it has a single symbol.
  static Code code_of(const std::vector<int>& lengths) {
    Code code{};
    for (const int length : lengths) ++code.counts[length];
    code.counts[0] = 0;
    int left = 1;
    int all = 0;
    for (int i = 1; i < 16; ++i) {
      left = 2 * left - code.counts[i];
      all += code.counts[i];
      expect(left >= 0, "more codes than there is room for");
    }
    expect(left == 0 || all == 1, "a code with room left");
    for (int i = 1; i < 16; ++i) {
      for (std::size_t k = 0; k < lengths.size(); ++k) {
        if (lengths[k] == i) code.symbols.push_back(static_cast<int>(k));
      }
    }
    return code;
  }

  int symbol(const Code& code) {
    int value = 0;
    int first = 0;
    int index = 0;
    for (int length = 1; length < 16; ++length) {
      value |= static_cast<int>(bits(1));
      if (value - first < code.counts[length]) return code.symbols[static_cast<std::size_t>(index + value - first)];
      index += code.counts[length];
      first = (first + code.counts[length]) * 2;
      value *= 2;
    }
    throw std::runtime_error("no such code");
  }

  void stored() {
    at_ = (at_ + 7) / 8 * 8;
    const std::uint32_t length = bits(16);
    expect((length ^ 0xffff) == bits(16), "a stored block's length and its complement");
    for (std::uint32_t i = 0; i < length; ++i) out_.push_back(static_cast<std::uint8_t>(bits(8)));
  }
  void fixed() {
    std::vector<int> lengths(288, 8);
    for (std::size_t i = 144; i < 280; ++i) lengths[i] = i < 256 ? 9 : 7;
    literals_ = code_of(lengths);
    distances_ = code_of(std::vector<int>(32, 5));
  }
  void dynamic() {
    constexpr int kOrder[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    const std::size_t literals = bits(5) + 257;
    const std::size_t distances = bits(5) + 1;
    const std::size_t said = bits(4) + 4;
    expect(literals <= 286 && distances <= 30, "too many codes");
    std::vector<int> lengths(19);
    for (std::size_t i = 0; i < said; ++i) lengths[static_cast<std::size_t>(kOrder[i])] = static_cast<int>(bits(3));
    const Code code = code_of(lengths);
    lengths.clear();
    while (lengths.size() < literals + distances) {
      const int s = symbol(code);
      if (s < 16) {
        lengths.push_back(s);
        continue;
      }
      expect(s != 16 || !lengths.empty(), "nothing to repeat");
      const int value = s == 16 ? lengths.back() : 0;
      const std::uint32_t count = s == 16 ? 3 + bits(2) : s == 17 ? 3 + bits(3) : 11 + bits(7);
      lengths.insert(lengths.end(), count, value);
    }
    expect(lengths.size() == literals + distances, "too many lengths");
    expect(lengths[256] != 0, "no code for the end");
    const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(literals);
    literals_ = code_of({lengths.begin(), middle});
    distances_ = code_of({middle, lengths.end()});
  }
  void coded() {
    for (int s = 0; (s = symbol(literals_)) != 256;) {
      if (s < 256) {
        out_.push_back(static_cast<std::uint8_t>(s));
        continue;
      }
      // Eight lengths and four distances have no extra bits; then each four, or two, have one more.
      s -= 257;
      expect(s < 29, "no such length");
      const int more = s < 8 || s == 28 ? 0 : s / 4 - 1;
      const std::uint32_t base = s == 28 ? 258 : s < 8 ? 3 + s : 3 + ((4u + s % 4) << more);
      const std::uint32_t length = base + bits(more);
      const int d = symbol(distances_);
      expect(d < 30, "no such distance");
      const int far = d < 4 ? 0 : d / 2 - 1;
      const std::uint32_t distance = (d < 4 ? 1 + d : 1 + ((2u + d % 2) << far)) + bits(far);
      expect(distance <= out_.size() && distance <= 32768, "a match before the beginning");
      for (std::uint32_t i = 0; i < length; ++i) out_.push_back(out_[out_.size() - distance]);
    }
  }

  const Bytes& data_;
  std::size_t at_ = 0;  // in bits
  Bytes out_;
  Code literals_;
  Code distances_;
};

inline std::uint32_t big_endian(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

inline std::uint32_t crc_of(const std::uint8_t* p, std::size_t n) {
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 0; i < n; ++i) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

inline void undo_filter(int type, std::uint8_t* row, const std::uint8_t* above, std::size_t bytes, std::size_t pixel) {
  expect(type <= 4, "no such filter");
  for (std::size_t i = 0; i < bytes; ++i) {
    const int left = i < pixel ? 0 : row[i - pixel];
    const int corner = i < pixel ? 0 : above[i - pixel];
    const int up = above[i];
    const int p = left + up - corner;
    const int a = std::abs(p - left);
    const int b = std::abs(p - up);
    const int c = std::abs(p - corner);
    const int nearest = a <= b && a <= c ? left : b <= c ? up : corner;
    const int predictions[] = {0, left, up, (left + up) / 2, nearest};
    row[i] = static_cast<std::uint8_t>(row[i] + predictions[type]);
  }
}

inline Picture decode(const std::uint8_t* file, std::size_t size) {
  Picture picture{};
  expect(size >= 57 && std::memcmp(file, "\x89PNG\r\n\x1a\n", 8) == 0, "no signature");
  Bytes stream;
  std::size_t at = 8;
  for (std::string type; type != "IEND";) {
    expect(at + 12 <= size, "the file ends early");
    const std::size_t length = big_endian(file + at);
    expect(length <= size - at - 12, "a chunk is cut short");
    type.assign(reinterpret_cast<const char*>(file + at + 4), 4);
    const std::uint8_t* body = file + at + 8;
    expect(crc_of(file + at + 4, length + 4) == big_endian(body + length), "a chunk's checksum");
    if (type == "IHDR") {
      expect(at == 8 && length == 13 && body[10] == 0 && body[11] == 0 && body[12] == 0, "the header");
      picture.width = big_endian(body);
      picture.height = big_endian(body + 4);
      picture.bits = body[8];
      picture.channels = body[9] == 0 ? 1 : body[9] == 4 ? 2 : body[9] == 2 ? 3 : body[9] == 6 ? 4 : 0;
    } else if (type == "IDAT") {
      stream.insert(stream.end(), body, body + length);
    } else if (type != "IEND") {
      expect(stream.empty(), "a chunk behind the image data");
      picture.rest += type;
    }
    at += length + 12;
  }
  expect(at == size, "something behind the end");
  expect(stream.size() > 6 && (stream[0] * 256 + stream[1]) % 31 == 0 && stream[0] == 0x78, "the stream's head");
  const Bytes deflated(stream.begin() + 2, stream.end());
  Inflater inflater(deflated);
  const Bytes filtered = inflater.run();
  expect(inflater.used() + 4 == deflated.size(), "the stream's length");
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const std::uint8_t byte : filtered) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  expect((b << 16 | a) == big_endian(deflated.data() + inflater.used()), "the stream's checksum");
  const std::size_t pixel = picture.channels * picture.bits / 8;
  const std::size_t bytes = pixel * picture.width;
  expect(filtered.size() == (bytes + 1) * picture.height, "the image data's size");
  Bytes above(bytes);
  for (std::size_t y = 0; y < picture.height; ++y) {
    const std::uint8_t* from = filtered.data() + y * (bytes + 1);
    Bytes row(from + 1, from + 1 + bytes);
    undo_filter(*from, row.data(), above.data(), bytes, pixel);
    picture.filters.push_back(*from);
    picture.samples.insert(picture.samples.end(), row.begin(), row.end());
    above = row;
  }
  return picture;
}

}  // namespace plain_png
