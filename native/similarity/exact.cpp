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

ExactRow exact_row(const float* x, std::size_t dim) noexcept {
  return {x, active_rows().dot_exact(x, x, dim)};
}

double exact_score(const ExactRow& a, const ExactRow& b, std::size_t dim, Metric metric) noexcept {
  const Pair dot = active_rows().dot_exact(a.x, b.x, dim);
  if (metric == Metric::dot) return dot.high + 0.0;
  if (a.square.high == 0 || b.square.high == 0) return 0;
  const double cosine = quotient(dot, root(product(a.square, b.square)));
  return std::clamp(cosine, -1.0, 1.0) + 0.0;
}

double order_key(double score, Metric metric) noexcept {
  return metric == Metric::cosine ? std::nearbyint(score * 1e12) / 1e12 : score;
}

double least_score(double key, Metric metric) noexcept {
  return metric == Metric::cosine ? key - 1e-12 : key;
}

}  // namespace diptych::similarity
