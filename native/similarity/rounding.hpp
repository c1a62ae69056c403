// Double to float, never across the true value in the direction that matters.
#pragma once

#include <cmath>
#include <limits>

namespace diptych::similarity {

[[nodiscard]] inline float round_up(double x) noexcept {
  const auto y = static_cast<float>(x);
  return static_cast<double>(y) < x ? std::nextafter(y, std::numeric_limits<float>::infinity()) : y;
}

[[nodiscard]] inline float round_down(double x) noexcept {
  const auto y = static_cast<float>(x);
  return static_cast<double>(y) > x ? std::nextafter(y, -std::numeric_limits<float>::infinity()) : y;
}

}  // namespace diptych::similarity
