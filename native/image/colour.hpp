// Pillow's conversions between modes (src/libImaging/Convert.c), one row at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "image/picture.hpp"

namespace diptych::image {

// `count` pixels of `mode` -> RGB. In place is allowed where RGB is not larger (3 and 4 channels).
void to_rgb(Mode mode, const std::uint8_t* from, std::size_t count, std::uint8_t* to) noexcept;

// Whether to_rgb() copies only.
[[nodiscard]] constexpr bool is_rgb(Mode mode) noexcept { return mode == Mode::rgb || mode == Mode::palette; }

// LA and RGBA with the colours multiplied by alpha (and back), as Pillow resizes them. In place.
void premultiply(std::uint8_t* pixels, std::size_t count, std::size_t channels) noexcept;
void unpremultiply(std::uint8_t* pixels, std::size_t count, std::size_t channels) noexcept;

// LA and RGBA laid on white as Image.alpha_composite does it (src/libImaging/AlphaComposite.c). In place;
// the alpha stays.
void blend_with_white(std::uint8_t* pixels, std::size_t count, std::size_t channels) noexcept;

// What a padding colour given in RGB becomes in a picture of this mode, as RGB: torchvision pads in the
// file's own mode (palette index, CMYK, ...) and converts after that.
[[nodiscard]] std::array<std::uint8_t, 3> padding_colour(const Header& header,
                                                         const std::array<std::uint8_t, 3>& fill) noexcept;

}  // namespace diptych::image
