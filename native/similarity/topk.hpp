// Top-k over all rows; the matrix of scores never exists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"
#include "similarity/segment.hpp"

namespace diptych::similarity {

// The k best rows of each query over all segments, which follow each other: indices, scores: queries.rows *
// k, row after row; 1 <= k <= number of rows < 2^31; dims agree and are at least 1. `centre` is any point
// (codes.hpp); that of prepared segments. Order: score down, then index up. The result does not depend on
// threads or block sizes.
[[nodiscard]] base::Status top_k(const Rows& queries, std::span<Segment> segments,
                                 std::span<const float> centre, std::size_t k,
                                 std::span<std::int32_t> indices, std::span<float> scores,
                                 const Options& options);

// The same over plain rows.
[[nodiscard]] base::Status top_k(const Rows& queries, const Rows& rows, std::size_t k,
                                 std::span<std::int32_t> indices, std::span<float> scores,
                                 const Options& options);

// Queries to take at a time: the candidate lists of all workers stay within 64 MB.
[[nodiscard]] std::size_t queries_per_block(std::size_t k, const Options& options) noexcept;

}  // namespace diptych::similarity
