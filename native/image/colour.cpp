#include "image/colour.hpp"

#include <algorithm>
#include <cstring>

namespace diptych::image {
namespace {

// a * b / 255, rounded (MULDIV255).
constexpr unsigned multiply255(unsigned a, unsigned b) noexcept {
  const unsigned product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

void gray_to_rgb(const std::uint8_t* from, std::size_t count, std::size_t step, std::uint8_t* to) noexcept {
  for (std::size_t i = 0; i < count; ++i, to += 3) to[0] = to[1] = to[2] = from[i * step];
}

void cmyk_to_rgb(const std::uint8_t* from, std::size_t count, std::uint8_t* to) noexcept {
  for (std::size_t i = 0; i < count; ++i, from += 4, to += 3) {
    const unsigned white = 255u - from[3];
    for (int c = 0; c < 3; ++c) {
      to[c] = static_cast<std::uint8_t>(white - multiply255(from[c], white));
    }
  }
}

// Pillow's tables (ConvertYCbCr.c): the coefficients of JFIF in 6-bit fixed point, rounded half up and then
// towards zero.
struct YcbcrTables {
  std::array<std::int16_t, 256> red_of_cr{};
  std::array<std::int16_t, 256> green_of_cb{};
  std::array<std::int16_t, 256> green_of_cr{};
  std::array<std::int16_t, 256> blue_of_cb{};
  constexpr YcbcrTables() {
    for (int i = 0; i < 256; ++i) {
      const auto fixed = [&](double factor) {
        return static_cast<std::int16_t>(factor * 64 * (i - 128) + 0.5);
      };
      const auto at = static_cast<std::size_t>(i);
      red_of_cr[at] = fixed(1.402);
      green_of_cb[at] = fixed(-0.34414);
      green_of_cr[at] = fixed(-0.71414);
      blue_of_cb[at] = fixed(1.772);
    }
  }
};

void ycbcr_to_rgb(const std::uint8_t* from, std::size_t count, std::uint8_t* to) noexcept {
  static constexpr YcbcrTables tables;
  const auto byte = [](int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); };
  for (std::size_t i = 0; i < count; ++i, from += 3, to += 3) {
    const int y = from[0];
    const std::uint8_t cb = from[1];
    const std::uint8_t cr = from[2];
    to[0] = byte(y + (tables.red_of_cr[cr] >> 6));
    to[1] = byte(y + ((tables.green_of_cb[cb] + tables.green_of_cr[cr]) >> 6));
    to[2] = byte(y + (tables.blue_of_cb[cb] >> 6));
  }
}

// Wider samples are cut off at 255, not scaled.
template <class T>
void clip_to_rgb(const std::uint8_t* from, std::size_t count, std::uint8_t* to) noexcept {
  for (std::size_t i = 0; i < count; ++i, to += 3) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof value);
    // The comparisons put a NaN at 0.
    const auto byte = value >= T{255} ? std::uint8_t{255}
                      : value > T{0}  ? static_cast<std::uint8_t>(value)
                                      : std::uint8_t{0};
    to[0] = to[1] = to[2] = byte;
  }
}

}  // namespace

void to_rgb(Mode mode, const std::uint8_t* from, std::size_t count, std::uint8_t* to) noexcept {
  switch (mode) {
    case Mode::bilevel:
    case Mode::gray:
      gray_to_rgb(from, count, 1, to);
      return;
    case Mode::gray_alpha:
      gray_to_rgb(from, count, 2, to);
      return;
    case Mode::palette:
    case Mode::rgb:
      if (from != to) std::memmove(to, from, 3 * count);
      return;
    case Mode::rgba:
      for (std::size_t i = 0; i < count; ++i) std::copy_n(from + 4 * i, 3, to + 3 * i);
      return;
    case Mode::ycbcr:
      ycbcr_to_rgb(from, count, to);
      return;
    case Mode::cmyk:
      cmyk_to_rgb(from, count, to);
      return;
    case Mode::gray16:
      clip_to_rgb<std::uint16_t>(from, count, to);
      return;
    case Mode::int32:
      clip_to_rgb<std::int32_t>(from, count, to);
      return;
    case Mode::float32:
      clip_to_rgb<float>(from, count, to);
      return;
  }
}

void blend_with_white(std::uint8_t* pixels, std::size_t count, std::size_t channels) noexcept {
  // Seven bits behind the point, as there; white has an alpha of 255, so that the weights add up to 255.
  constexpr unsigned kBits = 7;
  for (std::size_t i = 0; i < count; ++i, pixels += channels) {
    const unsigned alpha = pixels[channels - 1];
    const unsigned white = 255u * ((255u - alpha) << kBits);
    for (std::size_t c = 0; c + 1 < channels; ++c) {
      const unsigned sum = pixels[c] * (alpha << kBits) + white + (0x80u << kBits);
      pixels[c] = static_cast<std::uint8_t>((((sum >> 8) + sum) >> 8) >> kBits);
    }
  }
}

void premultiply(std::uint8_t* pixels, std::size_t count, std::size_t channels) noexcept {
  for (std::size_t i = 0; i < count; ++i, pixels += channels) {
    const unsigned alpha = pixels[channels - 1];
    for (std::size_t c = 0; c + 1 < channels; ++c)
      pixels[c] = static_cast<std::uint8_t>(multiply255(pixels[c], alpha));
  }
}

void unpremultiply(std::uint8_t* pixels, std::size_t count, std::size_t channels) noexcept {
  for (std::size_t i = 0; i < count; ++i, pixels += channels) {
    const unsigned alpha = pixels[channels - 1];
    if (alpha == 0 || alpha == 255) continue;
    for (std::size_t c = 0; c + 1 < channels; ++c) {
      pixels[c] = static_cast<std::uint8_t>(std::min(255u, 255u * pixels[c] / alpha));
    }
  }
}

std::array<std::uint8_t, 3> padding_colour(const Header& header,
                                           const std::array<std::uint8_t, 3>& fill) noexcept {
  std::array<std::uint8_t, 3> colour = fill;
  if (header.mode == Mode::palette) {
    const std::size_t index = fill[0];
    // Pillow puts the palette back after padding: an index that it does not have is black.
    colour.fill(0);
    if (3 * index + 2 < header.colours.size())
      std::copy_n(header.colours.data() + 3 * index, 3, colour.data());
  } else if (header.mode == Mode::cmyk) {
    const std::array<std::uint8_t, 4> ink{fill[0], fill[1], fill[2], fill[2]};
    cmyk_to_rgb(ink.data(), 1, colour.data());
  } else if (header.mode == Mode::bilevel) {
    colour.fill(fill[0] != 0 ? 255 : 0);
  } else if (header.mode == Mode::ycbcr) {
    ycbcr_to_rgb(fill.data(), 1, colour.data());
  } else if (channels_of(header.mode) <= 2) {
    colour.fill(fill[0]);
  }
  return colour;
}

}  // namespace diptych::image
