// The two halves of Lloyd's k-means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/status.hpp"

namespace diptych::training {

// For each row the nearest centroid (squared Euclidean distance; the lower index on ties) and that distance.
[[nodiscard]] base::Status nearest_centroids(std::span<const float> rows, std::size_t dim,
                                             std::span<const float> centroids, std::span<std::int32_t> labels,
                                             std::span<float> distances, std::size_t threads,
                                             const std::function<bool()>& cancelled);

// sums[label] += row for every row, in the order of the rows (so the result does not depend on `threads`).
[[nodiscard]] base::Status sum_by_label(std::span<const float> rows, std::size_t dim,
                                        std::span<const std::int32_t> labels, std::span<double> sums,
                                        std::size_t threads, const std::function<bool()>& cancelled);

}  // namespace diptych::training
