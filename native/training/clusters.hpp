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

// The same with the products in bfloat16 (both sides rounded to 8 bits, sums in float32): a row may go to a
// centroid that is farther than its nearest by up to 2^-6 |row| |centroid|. The distance is of the centroid
// chosen, in float32. For passes whose labels only make the next centroids.
[[nodiscard]] base::Status nearest_centroids_bf16(std::span<const float> rows, std::size_t dim,
                                                  std::span<const float> centroids,
                                                  std::span<std::int32_t> labels, std::span<float> distances,
                                                  std::size_t threads,
                                                  const std::function<bool()>& cancelled);

// sums[label] += row for every row, in the order of the rows (so the result does not depend on `threads`).
[[nodiscard]] base::Status sum_by_label(std::span<const float> rows, std::size_t dim,
                                        std::span<const std::int32_t> labels, std::span<double> sums,
                                        std::size_t threads, const std::function<bool()>& cancelled);

}  // namespace diptych::training
