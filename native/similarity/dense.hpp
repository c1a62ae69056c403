// The whole matrix of scores, where somebody asks for it.
#pragma once

#include <span>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// out: a.rows * b.rows, row after row; dims agree and are at least 1. Cosines are within [-1, 1], zero rows
// give 0.
[[nodiscard]] base::Status dense(const Rows& a, const Rows& b, std::span<float> out, const Options& options);

}  // namespace diptych::similarity
