// PBM, PGM and PPM (P1 to P6), as Pillow's PpmImagePlugin reads them.
#include <algorithm>
#include <cmath>
#include <string>

#include "image/formats.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

constexpr unsigned kByteTop = 255;
constexpr unsigned kWideTop = 65535;
constexpr std::size_t kLongestToken = 10;

struct Layout {
  char kind = '6';
  unsigned top = 1;  // the value that is white
  std::size_t data_at = 0;
};

Status cut(std::size_t size) {
  return Status::fail(Code::image_truncated, "PNM ends early, after " + std::to_string(size) + " bytes");
}
Status broken() { return Status::fail(Code::image_corrupt, "PNM has a damaged header or a bad number"); }

bool is_space(std::uint8_t byte) noexcept { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }
bool ends_line(std::uint8_t byte) noexcept { return byte == '\n' || byte == '\r'; }

// Digits up to the next whitespace, which is eaten; `#` begins a comment, even within a number.
Status next_number(Bytes bytes, std::size_t& at, std::size_t& value) {
  std::string token;
  while (token.size() <= kLongestToken) {
    if (at >= bytes.size()) break;
    const std::uint8_t byte = bytes[at++];
    if (is_space(byte)) {
      if (token.empty()) continue;
      break;
    }
    if (byte == '#') {
      while (at < bytes.size() && !ends_line(bytes[at++])) {
      }
      continue;
    }
    token += static_cast<char>(byte);
  }
  if (token.empty()) return cut(bytes.size());
  const bool digits = std::all_of(token.begin(), token.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || token.size() > kLongestToken) return broken();
  value = static_cast<std::size_t>(std::stoull(token));
  return Status::good();
}

Status read_layout(Bytes bytes, Header& header, Layout& layout) {
  layout.kind = static_cast<char>(bytes[1]);
  std::size_t at = 2;
  for (std::size_t* const side : {&header.width, &header.height}) {
    if (Status status = next_number(bytes, at, *side); !status.ok()) return status;
    *side = std::min<std::size_t>(*side, 0xffffffffu);
  }
  const bool bits = layout.kind == '1' || layout.kind == '4';
  const bool colour = layout.kind == '3' || layout.kind == '6';
  if (!bits) {
    std::size_t top = 0;
    if (Status status = next_number(bytes, at, top); !status.ok()) return status;
    if (top == 0 || top > kWideTop) return broken();
    layout.top = static_cast<unsigned>(top);
  }
  header.mode = bits ? Mode::bilevel : colour ? Mode::rgb : layout.top > kByteTop ? Mode::int32 : Mode::gray;
  layout.data_at = at;
  return Status::good();
}

// One sample, scaled to what the mode calls white as Python's round() does it.
std::int32_t scaled(std::size_t value, const Layout& layout, unsigned white) noexcept {
  if (layout.top == white) return static_cast<std::int32_t>(value);
  const double scaled = std::nearbyint(static_cast<double>(value) / layout.top * white);
  return static_cast<std::int32_t>(std::min<double>(white, scaled));
}

void store(Mode mode, std::uint8_t* pixels, std::size_t index, std::int32_t value) noexcept {
  if (mode == Mode::int32) {
    std::memcpy(pixels + index * sizeof value, &value, sizeof value);
  } else {
    pixels[index] = static_cast<std::uint8_t>(value);
  }
}

// Samples as numbers in text; in a bitmap every digit is one. Gives how many there were.
Status read_plain(Bytes bytes, const Layout& layout, const Header& header, std::size_t samples,
                  std::uint8_t* pixels) {
  const unsigned white = header.mode == Mode::int32 ? kWideTop : kByteTop;
  std::size_t at = layout.data_at;
  for (std::size_t i = 0; i < samples; ++i) {
    std::size_t value = 0;
    std::size_t digits = 0;
    for (; at < bytes.size(); ++at) {
      const std::uint8_t byte = bytes[at];
      if (byte == '#') {
        while (at < bytes.size() && !ends_line(bytes[at])) ++at;
        if (at >= bytes.size()) break;
        continue;  // the line's end goes with the comment and separates nothing
      }
      if (is_space(byte)) {
        if (digits > 0) break;
        continue;
      }
      if (byte < '0' || byte > '9' || digits == kLongestToken) return broken();
      value = 10 * value + (byte - '0');
      ++digits;
      if (layout.kind == '1') {
        ++at;
        break;
      }
    }
    if (digits == 0) return cut(bytes.size());
    if (value > layout.top) return broken();
    const bool bit = layout.kind == '1';
    store(header.mode, pixels, i, bit ? (value == 0 ? 255 : 0) : scaled(value, layout, white));
  }
  return Status::good();
}

void read_row(const Header& header, const Layout& layout, const std::uint8_t* from, std::uint8_t* to) {
  const std::size_t samples = header.width * channels_of(header.mode);
  const unsigned white = header.mode == Mode::int32 ? kWideTop : kByteTop;
  for (std::size_t i = 0; i < samples; ++i) {
    if (layout.kind == '4') {
      to[i] = (from[i / 8] >> (7 - i % 8) & 1) != 0 ? 0 : 255;
    } else if (layout.top <= kByteTop) {
      store(header.mode, to, i, scaled(from[i], layout, white));
    } else {
      store(header.mode, to, i,
            scaled(static_cast<std::size_t>(from[2 * i] << 8 | from[2 * i + 1]), layout, white));
    }
  }
}

}  // namespace

bool is_pnm(Bytes bytes) noexcept {
  return has(bytes, 0, 3) && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' && is_space(bytes[2]);
}

Status read_pnm_header(Bytes bytes, Header& header) {
  header.format = Format::pnm;
  Layout layout;
  return read_layout(bytes, header, layout);
}

Status decode_pnm(Bytes bytes, const Options& options, Header& header, Scratch& scratch, Picture& picture) {
  Layout layout;
  if (Status status = read_layout(bytes, header, layout); !status.ok()) return status;
  if (Status status = allocate_picture(header, scratch, picture); !status.ok()) return status;
  const std::size_t samples = header.width * channels_of(header.mode);
  if (layout.kind <= '3') return read_plain(bytes, layout, header, samples * header.height, picture.pixels);
  const std::size_t stride = layout.kind == '4'       ? (header.width + 7) / 8
                             : layout.top <= kByteTop ? samples
                                                      : 2 * samples;
  const std::size_t have = bytes.size() - std::min(bytes.size(), layout.data_at);
  const std::size_t whole = std::min(header.height, have / stride);
  if (whole < header.height) {
    if (!options.allow_truncated) return cut(bytes.size());
    header.warning = "PNM ends early, the rest of the picture is black";
    std::memset(picture.pixels, 0, picture.stride * header.height);
  }
  const std::uint8_t* const rows = bytes.data() + std::min(bytes.size(), layout.data_at);
  for (std::size_t y = 0; y < whole; ++y) {
    read_row(header, layout, rows + y * stride, picture.pixels + y * picture.stride);
  }
  return Status::good();
}

}  // namespace diptych::image
