// The score that "exact" means: the true cosine or inner product of two float rows, rounded to double.
//
// Sums are kept to about 106 bits (kernels/similarity/kernel.hpp, dot_exact), quotient and root likewise, so
// the result is the correctly rounded one but for values within 2^-100 of a rounding boundary. Rows whose
// true scores are equal therefore tie, as scaled copies do, where a plain float64 loop would order them by
// its own rounding.
#pragma once

#include <cstddef>

#include "kernels/similarity/kernel.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// A row with what its scores need: for cosines |x|^2, to twice double's precision.
struct ExactRow {
  const float* x;
  kernels::similarity::Pair square;
};

[[nodiscard]] ExactRow exact_row(const float* x, std::size_t dim, Metric metric) noexcept;

// Zero rows score 0; cosines are within [-1, 1]; never -0. An inner product beyond double is not possible.
[[nodiscard]] double exact_score(const ExactRow& a, const ExactRow& b, std::size_t dim,
                                 Metric metric) noexcept;

// What orders exact results: cosines that agree to 12 decimals count as equal, so that the lower index comes
// first. A float64 loop over 4,096 values can be off by 4096 * 2^-53 = 4.5e-13, so no two such loops agree on
// the order of closer scores. Inner products have no common scale to round to and stand as they are. Monotone
// in `score`.
[[nodiscard]] double order_key(double score, Metric metric) noexcept;

// No score below this can have a key of at least `key`.
[[nodiscard]] double least_score(double key, Metric metric) noexcept;

}  // namespace diptych::similarity
