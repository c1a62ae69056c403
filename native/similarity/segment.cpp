#include "similarity/segment.hpp"

#include <cmath>
#include <vector>

#include "similarity/active.hpp"

namespace diptych::similarity {

bool quick_norms(const Rows& rows, std::size_t first, std::span<double> norms) {
  // Sums in this range have lost nothing to float's limits; all others are made again in double.
  constexpr float least = 1e-30f;
  constexpr float most = 1e30f;
  // Short rows cost little either way, and so their cosines are float's best.
  constexpr std::size_t short_dim = 128;
  std::vector<float> scratch(rows.type == DType::float32 ? 0 : rows.dim);
  for (std::size_t j = 0; j < norms.size(); ++j) {
    const float* const y = rows.floats(first + j, scratch.data());
    const float quick = rows.dim < short_dim ? 0.0f : active_rows().dot_fast(y, y, rows.dim);
    const double square =
        quick >= least && quick <= most ? static_cast<double>(quick) : active_rows().sum_squares(y, rows.dim);
    if (!std::isfinite(square)) return false;
    norms[j] = std::sqrt(square);
  }
  return true;
}

}  // namespace diptych::similarity
