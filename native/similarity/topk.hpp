// Top-k over all rows; the matrix of scores never exists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// indices, scores: queries.rows * k, row after row; 1 <= k <= rows.rows < 2^31; dims agree and are at
// least 1. Order: score down, then index up. The result does not depend on threads or block sizes.
[[nodiscard]] base::Status top_k(const Rows& queries, const Rows& rows, std::size_t k,
                                 std::span<std::int32_t> indices, std::span<float> scores,
                                 const Options& options);

}  // namespace diptych::similarity
