#include "similarity/segment.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "similarity/active.hpp"

namespace diptych::similarity {

namespace {

// Sums in this range have lost nothing to float's limits; all others are made again in double.
constexpr float least = 1e-30f;
constexpr float most = 1e30f;
// Short rows cost little either way, and so their cosines are float's best.
constexpr std::size_t short_dim = 128;

}  // namespace

bool quick_norms(const Rows& rows, std::size_t first, std::span<double> norms) {
  std::vector<float> squares(norms.size());
  if (rows.dim < short_dim) {
    // Made in double below.
  } else if (rows.type == DType::float32) {
    const auto* const y = reinterpret_cast<const float*>(rows.at(first));
    active_rows().squares(y, rows.dim, norms.size(), rows.dim, squares.data());
  } else {
    std::vector<float> scratch(rows.dim);
    for (std::size_t j = 0; j < norms.size(); ++j) {
      active_rows().squares(rows.floats(first + j, scratch.data()), rows.dim, 1, rows.dim, &squares[j]);
    }
  }
  return norms_from_squares(rows, first, squares, norms);
}

bool plain_squares(std::size_t dim, std::span<const float> squares, float& longest) noexcept {
  // Those of shortest_plain and longest_plain.
  constexpr float shortest = 0x1p-80f;
  constexpr float furthest = 0x1p80f;
  // By fours: one chain of maxima would take as long as the products.
  float most[4] = {};
  bool plain = dim >= short_dim;
  for (std::size_t j = 0; j < squares.size(); ++j) {
    plain = plain & (squares[j] >= shortest) & (squares[j] <= furthest);
    most[j % 4] = std::max(most[j % 4], squares[j]);
  }
  longest = std::max(std::max(most[0], most[1]), std::max(most[2], most[3]));
  return plain;
}

bool norms_from_squares(const Rows& rows, std::size_t first, std::span<const float> squares,
                        std::span<double> norms) {
  std::vector<float> scratch(rows.type == DType::float32 ? 0 : rows.dim);
  for (std::size_t j = 0; j < norms.size(); ++j) {
    auto square = static_cast<double>(squares[j]);
    if (rows.dim < short_dim || !(squares[j] >= least && squares[j] <= most)) {
      square = active_rows().sum_squares(rows.floats(first + j, scratch.data()), rows.dim);
    }
    if (!std::isfinite(square)) return false;
    norms[j] = std::sqrt(square);
  }
  return true;
}

}  // namespace diptych::similarity
