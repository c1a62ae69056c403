#include "image/samples.hpp"

#include <algorithm>
#include <string>

namespace diptych::image {
namespace {

using base::Code;
using base::Status;
using Sample = VipsImage::Sample;

template <class T>
T load(const std::uint8_t* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// First `kept` of every `bands` samples; 16-bit ones lose their low byte.
template <class T>
void take(const std::uint8_t* from, std::size_t width, std::size_t bands, std::size_t kept,
          std::uint8_t* to) noexcept {
  for (std::size_t x = 0; x < width; ++x, from += bands * sizeof(T)) {
    for (std::size_t band = 0; band < kept; ++band) {
      const T sample = load<T>(from + band * sizeof(T));
      if constexpr (sizeof(T) == 1) *to++ = sample;
      if constexpr (sizeof(T) == 2) *to++ = static_cast<std::uint8_t>(sample >> 8);
    }
  }
}

template <class From, class To>
void widen(const std::uint8_t* from, std::size_t width, std::size_t bands, std::uint8_t* to) noexcept {
  for (std::size_t x = 0; x < width; ++x, from += bands * sizeof(From), to += sizeof(To)) {
    const auto value = static_cast<To>(load<From>(from));
    std::memcpy(to, &value, sizeof value);
  }
}

// libtiff's conversion with its defaults (ITU-R BT.601, the whole range) in 16-bit fixed point.
void ycbcr_to_rgb(std::uint8_t* pixel) noexcept {
  constexpr auto fixed = [](float factor) { return static_cast<std::int32_t>(factor * 65536.0f + 0.5f); };
  constexpr float kRed = 0.299f;
  constexpr float kGreen = 0.587f;
  constexpr float kBlue = 0.114f;
  constexpr std::int32_t kHalf = 1 << 15;
  constexpr std::int32_t kRedOfCr = fixed(2 - 2 * kRed);
  constexpr std::int32_t kGreenOfCr = -fixed(kRed * (2 - 2 * kRed) / kGreen);
  constexpr std::int32_t kBlueOfCb = fixed(2 - 2 * kBlue);
  constexpr std::int32_t kGreenOfCb = -fixed(kBlue * (2 - 2 * kBlue) / kGreen);
  const std::int32_t y = pixel[0];
  const std::int32_t cb = pixel[1] - 128;
  const std::int32_t cr = pixel[2] - 128;
  const auto byte = [](std::int32_t value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); };
  pixel[0] = byte(y + ((kRedOfCr * cr + kHalf) >> 16));
  pixel[1] = byte(y + ((kGreenOfCb * cb + kHalf + kGreenOfCr * cr) >> 16));
  pixel[2] = byte(y + ((kBlueOfCb * cb + kHalf) >> 16));
}

// Pillow's unpacking of "RGBa" (src/libImaging/Unpack.c).
void divide_alpha(std::uint8_t* pixel, std::size_t channels) noexcept {
  const unsigned alpha = pixel[channels - 1];
  if (alpha == 255) return;
  for (std::size_t i = 0; i + 1 < channels; ++i) {
    pixel[i] =
        alpha == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(std::min(255u, pixel[i] * 255u / alpha));
  }
}

}  // namespace

bool can_convert(const Header& header, const VipsImage& image) noexcept {
  if (image.width != header.width || image.height != header.height) return false;
  if (image.bands < channels_of(header.mode)) return false;
  switch (header.mode) {
    case Mode::gray16:
      return image.sample == Sample::uint16;
    case Mode::int32:
      return image.sample != Sample::float32 && image.sample != Sample::uint8;
    case Mode::float32:
      return image.sample == Sample::float32;
    default:
      return image.sample == Sample::uint8 || image.sample == Sample::uint16;
  }
}

void convert_row(const Header& header, const VipsImage& image, const std::uint8_t* from,
                 std::uint8_t* to) noexcept {
  const std::size_t width = image.width;
  const std::size_t bands = image.bands;
  switch (header.mode) {
    case Mode::gray16:
      widen<std::uint16_t, std::uint16_t>(from, width, bands, to);
      if (header.not_inverted) {
        for (std::size_t i = 0; i < width * sizeof(std::uint16_t); ++i)
          to[i] = static_cast<std::uint8_t>(~to[i]);
      }
      return;
    case Mode::int32:
      if (image.sample == Sample::uint16) widen<std::uint16_t, std::int32_t>(from, width, bands, to);
      if (image.sample == Sample::int16) widen<std::int16_t, std::int32_t>(from, width, bands, to);
      if (image.sample == Sample::int32 || image.sample == Sample::uint32) {
        widen<std::int32_t, std::int32_t>(from, width, bands, to);
      }
      return;
    case Mode::float32:
      widen<float, float>(from, width, bands, to);
      return;
    default:
      break;
  }
  const std::size_t kept = channels_of(header.mode);
  if (image.sample == Sample::uint16) {
    take<std::uint16_t>(from, width, bands, kept, to);
  } else if (bands == kept) {
    std::memcpy(to, from, width * kept);
  } else {
    take<std::uint8_t>(from, width, bands, kept, to);
  }
  if (header.stored_ycbcr) {
    for (std::size_t x = 0; x < width; ++x) ycbcr_to_rgb(to + x * kept);
  }
  if (header.premultiplied) {
    for (std::size_t x = 0; x < width; ++x) divide_alpha(to + x * kept, kept);
  }
}

Status PictureRows::begin(const VipsImage& image) {
  image_ = image;
  if (!can_convert(header_, image)) {
    return Status::fail(Code::image_unsupported, "has " + std::to_string(image.bands) +
                                                     " bands of a kind that its header does not announce");
  }
  return allocate_picture(header_, scratch_, picture_);
}

void PictureRows::clear_from(std::size_t y) noexcept {
  if (y < header_.height)
    std::memset(picture_.pixels + y * picture_.stride, 0, (header_.height - y) * picture_.stride);
}

}  // namespace diptych::image
