// The judge of all other variants: the formula of kernel.hpp, word for word.
#include "kernels/resize/kernel.hpp"

namespace diptych::kernels::resize {
namespace {

std::uint8_t clip8(std::uint32_t sum) noexcept {
  const std::int32_t value = static_cast<std::int32_t>(sum) >> kPrecisionBits;
  if (value < 0) return 0;
  return value > 255 ? std::uint8_t{255} : static_cast<std::uint8_t>(value);
}

std::size_t packed_size(const Taps&, std::size_t) noexcept { return 0; }
void pack_horizontal(const Taps&, std::size_t, std::byte*) noexcept {}

void horizontal(const Horizontal& work) noexcept {
  const std::size_t channels = work.channels;
  for (std::size_t row = 0; row < work.rows; ++row) {
    const std::uint8_t* const source = work.source + row * work.source_stride;
    std::uint8_t* const target = work.target + row * work.target_stride;
    for (std::size_t out = 0; out < work.taps.outputs; ++out) {
      const std::int32_t* const weights = work.taps.coefficients + out * work.taps.stride;
      const auto first = static_cast<std::size_t>(work.taps.first[out]);
      const auto count = static_cast<std::size_t>(work.taps.counts[out]);
      for (std::size_t channel = 0; channel < channels; ++channel) {
        std::uint32_t sum = 1u << (kPrecisionBits - 1);
        for (std::size_t tap = 0; tap < count; ++tap) {
          sum += static_cast<std::uint32_t>(source[(first + tap) * channels + channel]) *
                 static_cast<std::uint32_t>(weights[tap]);
        }
        target[out * channels + channel] = clip8(sum);
      }
    }
  }
}

void vertical(const Vertical& work) noexcept {
  for (std::size_t out = 0; out < work.taps.outputs; ++out) {
    const std::int32_t* const weights = work.taps.coefficients + out * work.taps.stride;
    const auto first = static_cast<std::size_t>(work.taps.first[out]);
    const auto count = static_cast<std::size_t>(work.taps.counts[out]);
    std::uint8_t* const target = work.target + out * work.target_stride;
    for (std::size_t x = 0; x < work.bytes; ++x) {
      std::uint32_t sum = 1u << (kPrecisionBits - 1);
      for (std::size_t tap = 0; tap < count; ++tap) {
        sum += static_cast<std::uint32_t>(work.source[(first + tap) * work.source_stride + x]) *
               static_cast<std::uint32_t>(weights[tap]);
      }
      target[x] = clip8(sum);
    }
  }
}

}  // namespace

constinit const Variant reference{"reference",     Family::reference, {},      packed_size,
                                  pack_horizontal, horizontal,        vertical};

}  // namespace diptych::kernels::resize
