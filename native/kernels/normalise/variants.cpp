#include <array>
#include <bit>
#include <cmath>

#include "kernels/normalise/kernel.hpp"

namespace diptych::kernels::normalise {
namespace {

// Nearest even; overflow to infinity, subnormals kept. NaN cannot come here (make_table's inputs are finite).
std::uint16_t to_float16(float value) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {  // below 2^-14: adding 0.5 rounds to a multiple of 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

std::uint16_t to_bfloat16(float value) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

// What the vector kernels do, one value at a time.
float quotient(float numerator, float divisor, float inverse) noexcept {
  const float first = numerator * inverse;
  return std::fma(std::fma(-first, divisor, numerator), inverse, first);
}

}  // namespace

void make_table(double rescale, const double (&mean)[3], const double (&std)[3], Element element,
                Table& table) noexcept {
  table.element = element;
  table.computable = true;
  table.divisor = static_cast<float>(1.0 / rescale);
  table.inverse_divisor = 1.0f / table.divisor;
  for (int channel = 0; channel < 3; ++channel) {
    table.mean[channel] = static_cast<float>(mean[channel]);
    table.std[channel] = static_cast<float>(std[channel]);
    table.inverse_std[channel] = 1.0f / table.std[channel];
    for (int pixel = 0; pixel < 256; ++pixel) {
      const float scaled = static_cast<float>(pixel * rescale);
      const float centred = scaled - table.mean[channel];
      const float value = centred / table.std[channel];
      table.values[channel][pixel] = value;
      if (element == Element::float16) table.halves[channel][pixel] = to_float16(value);
      if (element == Element::bfloat16) table.halves[channel][pixel] = to_bfloat16(value);

      const float computed = quotient(
          quotient(static_cast<float>(pixel), table.divisor, table.inverse_divisor) - table.mean[channel],
          table.std[channel], table.inverse_std[channel]);
      if (std::bit_cast<std::uint32_t>(computed) != std::bit_cast<std::uint32_t>(value))
        table.computable = false;
    }
  }
}

std::span<const Variant> variants() noexcept {
#if defined(__x86_64__)
  static const std::array<Variant, 3> all{avx512, avx2, reference};
#elif defined(__aarch64__)
  static const std::array<Variant, 2> all{neon, reference};
#else
  static const std::array<Variant, 1> all{reference};
#endif
  return all;
}

const Variant& active() noexcept {
  static const Variant& chosen = active_variant(variants());
  return chosen;
}

}  // namespace diptych::kernels::normalise
