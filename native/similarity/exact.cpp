#include "similarity/exact.hpp"

#include <algorithm>
#include <cmath>

#include "similarity/active.hpp"

namespace diptych::similarity {

using kernels::similarity::Pair;

namespace {

Pair normalised(double high, double low) noexcept {
  const double sum = high + low;
  return {sum, low - (sum - high)};
}

Pair product(Pair a, Pair b) noexcept {
  const double high = a.high * b.high;
  return normalised(high, std::fma(a.high, b.high, -high) + (a.high * b.low + a.low * b.high));
}

// One Newton step from the double root (Dekker).
Pair root(Pair a) noexcept {
  const double high = std::sqrt(a.high);
  return {high, (std::fma(-high, high, a.high) + a.low) / (2 * high)};
}

double quotient(Pair a, Pair b) noexcept {
  const double high = a.high / b.high;
  const double rest = std::fma(-high, b.high, a.high) + (a.low - high * b.low);
  return high + rest / b.high;
}

}  // namespace

ExactRow exact_row(const float* x, std::size_t dim, Metric metric) noexcept {
  return {x, metric == Metric::cosine ? active_rows().dot_exact(x, x, dim) : Pair{}};
}

double exact_score(const ExactRow& a, const ExactRow& b, std::size_t dim, Metric metric) noexcept {
  const Pair dot = active_rows().dot_exact(a.x, b.x, dim);
  if (metric == Metric::dot) return dot.high + 0.0;
  if (a.square.high == 0 || b.square.high == 0) return 0;
  const double cosine = quotient(dot, root(product(a.square, b.square)));
  return std::clamp(cosine, -1.0, 1.0) + 0.0;
}

double order_key(double score, Metric metric) noexcept {
  if (metric != Metric::cosine) return score;
  const double scaled = score * 1e12;
  // Ties to even, without a call: a double has no binary places beyond 2^52. Cosines' bounds are below 2^51.
  constexpr double no_places = 0x1.8p52;
  const double whole = std::abs(scaled) < 0x1p51 ? (scaled + no_places) - no_places : std::nearbyint(scaled);
  return whole / 1e12;
}

double least_score(double key, Metric metric) noexcept {
  return metric == Metric::cosine ? key - 1e-12 : key;
}

}  // namespace diptych::similarity
