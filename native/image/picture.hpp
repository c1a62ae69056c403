// A picture between decoding and resizing, in the mode that Pillow would open it in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/aligned_buffer.hpp"

namespace diptych::image {

enum class Format : std::uint8_t { jpeg, png, gif, webp, tiff, bmp, pnm };

// Pillow's modes. Pictures of mode P are expanded to their colours when they are decoded (which changes
// nothing, since Pillow resizes them by nearest neighbour only); `palette` is remembered for that reason.
enum class Mode : std::uint8_t {
  bilevel,
  gray,
  gray_alpha,
  palette,
  rgb,
  ycbcr,
  rgba,
  cmyk,
  gray16,
  int32,
  float32
};

// Interleaved samples per pixel, as stored in Picture (a palette's colours are RGB).
[[nodiscard]] constexpr std::size_t channels_of(Mode mode) noexcept {
  switch (mode) {
    case Mode::gray_alpha:
      return 2;
    case Mode::palette:
    case Mode::rgb:
    case Mode::ycbcr:
      return 3;
    case Mode::rgba:
    case Mode::cmyk:
      return 4;
    default:
      return 1;
  }
}

[[nodiscard]] constexpr std::size_t sample_bytes(Mode mode) noexcept {
  if (mode == Mode::gray16) return 2;
  return mode == Mode::int32 || mode == Mode::float32 ? 4 : 1;
}

// What the header says; nothing is decoded yet.
struct Header {
  Format format = Format::jpeg;
  Mode mode = Mode::rgb;
  std::size_t width = 0;
  std::size_t height = 0;
  int orientation = 1;         // EXIF's, 1 to 8
  bool orient_always = false;  // TIFF: Pillow turns the picture whether asked to or not
  bool premultiplied = false;  // TIFF with associated alpha: Pillow divides it out when it opens the file
  bool not_inverted = false;   // TIFF whose white is 0, which Pillow takes as it is (libvips inverts it)
  bool stored_ycbcr = false;   // TIFF whose rows libtiff would convert to RGB for Pillow
  std::vector<std::uint8_t> colours;  // of a palette: RGB triples
  // The one colour that is transparent, where Pillow gives it as such (modes gray, palette and rgb).
  std::optional<std::array<std::uint8_t, 3>> transparent;
  bool palette_alpha = false;  // PNG: the palette's entries have alphas, one or several
  bool cut = false;            // the picture data ends early, as far as the header's reader could see
  std::string warning;         // what is wrong with the file, when that does not stop it from being read
};

// The part of a picture that the resize will look at, in stored order.
struct Region {
  std::size_t left = 0;
  std::size_t top = 0;
  std::size_t width = 0;
  std::size_t height = 0;
};

// Decoded pixels: those of `region` of a picture that was `scale` times larger on each side (1 unless asked).
// Owned by the thread's Scratch, good until its next decode.
struct Picture {
  Mode mode = Mode::rgb;
  Region region;
  std::size_t width = 0;  // of the whole (scaled) picture
  std::size_t height = 0;
  std::size_t stride = 0;  // bytes
  std::uint8_t* pixels = nullptr;
  // Pixels that are lent, with nothing readable behind them: rows from `tail_row` on are a copy, here.
  const std::uint8_t* tail = nullptr;
  std::size_t tail_row = 0;
};

}  // namespace diptych::image
