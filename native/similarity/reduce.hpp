// Small things that belong to embeddings: order of given candidates, unit rows, means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// Orders each query's `per_query` candidates (row indices, one list after another) by their exact score,
// down, then by row, up. indices, scores: as many. A candidate that is not a row is bad_input.
[[nodiscard]] base::Status rank(const Rows& queries, const Rows& rows, std::size_t per_query,
                                std::span<const std::int32_t> candidates, std::span<std::int32_t> indices,
                                std::span<float> scores, const Options& options);

// out: rows * dim; each row divided by its length in double, rounded once; zero rows stay zero.
[[nodiscard]] base::Status normalise(const Rows& rows, std::span<float> out, const Options& options);

// out: dim doubles: the mean of the rows (of the unit rows with metric cosine, where zero rows count as
// zero). Summed in blocks of fixed size, so that it does not depend on the number of threads. No rows: zeros.
[[nodiscard]] base::Status mean(const Rows& rows, std::span<double> out, const Options& options);

}  // namespace diptych::similarity
