// Double to float, never across the true value in the direction that matters.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace diptych::similarity {

// The next float upwards; what is not finite upwards stays as it is. Called for every row of a corpus, where
// the library's own function is too slow.
[[nodiscard]] inline float next_up(float x) noexcept {
  if (!(x < std::numeric_limits<float>::infinity())) return x;
  if (x == 0) return std::numeric_limits<float>::denorm_min();
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return std::bit_cast<float>(x > 0 ? bits + 1 : bits - 1);
}

[[nodiscard]] inline float round_up(double x) noexcept {
  const auto y = static_cast<float>(x);
  return static_cast<double>(y) < x ? next_up(y) : y;
}

[[nodiscard]] inline float round_down(double x) noexcept {
  const auto y = static_cast<float>(x);
  return static_cast<double>(y) > x ? -next_up(-y) : y;
}

// A float not above x and near it (2^-22 relative, 2^-139), without a branch that would have to be foretold.
[[nodiscard]] inline float below(double x) noexcept {
  const double held = std::min(x, static_cast<double>(std::numeric_limits<float>::max()));
  return static_cast<float>(held - (std::abs(held) * 0x1p-23 + 0x1p-140));
}

// A float not below x, likewise.
[[nodiscard]] inline float above(double x) noexcept { return -below(-x); }

}  // namespace diptych::similarity
