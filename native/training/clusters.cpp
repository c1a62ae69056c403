#include "training/clusters.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "base/thread_pool.hpp"
#include "training/gemm.hpp"

namespace diptych::training {

using base::Code;
using base::Status;

namespace {

constexpr std::size_t kRows = 96;
constexpr std::size_t kColumns = 384;
constexpr std::size_t kStrip = 64;

float squared_norm(const float* row, std::size_t dim) noexcept {
  double sum = 0;
  for (std::size_t j = 0; j < dim; ++j) sum += double{row[j]} * double{row[j]};
  return static_cast<float>(sum);
}

}  // namespace

Status nearest_centroids(std::span<const float> rows, std::size_t dim, std::span<const float> centroids,
                         std::span<std::int32_t> labels, std::span<float> distances, std::size_t threads,
                         const std::function<bool()>& cancelled) {
  const auto& kernel = kernels::linear::active();
  const std::size_t clusters = centroids.size() / dim;
  const std::size_t count = labels.size();
  Panels panels;
  if (!panels.pack(kernel, {centroids.data(), 1, dim}, dim, clusters)) return {Code::out_of_memory, {}};
  std::vector<float> half_norms(clusters);
  for (std::size_t c = 0; c < clusters; ++c)
    half_norms[c] = squared_norm(centroids.data() + c * dim, dim) / 2;

  std::atomic<bool> stopped{false};
  std::atomic<bool> no_memory{false};
  base::ThreadPool::shared().for_each((count + kRows - 1) / kRows, threads, [&](std::size_t block) {
    if (stopped.load(std::memory_order_relaxed)) return;
    if (cancelled()) {
      stopped = true;
      return;
    }
    const std::size_t first = block * kRows;
    const std::size_t some = std::min(kRows, count - first);
    try {
      std::vector<float> scores(kRows * kColumns);
      std::vector<float> best(some, -HUGE_VALF);
      for (std::size_t at = 0; at < clusters; at += kColumns) {
        const std::size_t columns = std::min(kColumns, clusters - at);
        multiply(kernel, {rows.data() + first * dim, dim, 1}, some, panels, at, columns, scores.data(),
                 kColumns, false);
        for (std::size_t i = 0; i < some; ++i) {
          float* row = scores.data() + i * kColumns;
          for (std::size_t j = 0; j < columns; ++j) row[j] -= half_norms[at + j];
          // The largest first, in a loop that vectorises; its place only for the few tiles that beat the
          // best.
          float most[8];
          std::fill_n(most, 8, -HUGE_VALF);
          std::size_t j = 0;
          for (; j + 8 <= columns; j += 8) {
            for (std::size_t lane = 0; lane < 8; ++lane)
              most[lane] = most[lane] < row[j + lane] ? row[j + lane] : most[lane];
          }
          for (; j < columns; ++j) most[0] = std::max(most[0], row[j]);
          const float largest = *std::max_element(most, most + 8);
          if (largest <= best[i]) continue;
          best[i] = largest;
          labels[first + i] = static_cast<std::int32_t>(
              at + static_cast<std::size_t>(std::find(row, row + columns, largest) - row));
        }
      }
      for (std::size_t i = 0; i < some; ++i) {
        const float distance = squared_norm(rows.data() + (first + i) * dim, dim) - 2 * best[i];
        distances[first + i] = std::max(distance, 0.0f);
      }
    } catch (const std::bad_alloc&) {
      no_memory = true;
      stopped = true;
    }
  });
  if (no_memory) return {Code::out_of_memory, {}};
  if (stopped) return Status::fail(Code::aborted, "the operation was aborted");
  return Status::good();
}

Status sum_by_label(std::span<const float> rows, std::size_t dim, std::span<const std::int32_t> labels,
                    std::span<double> sums, std::size_t threads, const std::function<bool()>& cancelled) {
  std::atomic<bool> stopped{false};
  base::ThreadPool::shared().for_each((dim + kStrip - 1) / kStrip, threads, [&](std::size_t strip) {
    if (stopped.load(std::memory_order_relaxed)) return;
    if (cancelled()) {
      stopped = true;
      return;
    }
    const std::size_t from = strip * kStrip;
    const std::size_t to = std::min(dim, from + kStrip);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const float* row = rows.data() + i * dim;
      double* sum = sums.data() + static_cast<std::size_t>(labels[i]) * dim;
      for (std::size_t j = from; j < to; ++j) sum[j] += double{row[j]};
    }
  });
  if (stopped) return Status::fail(Code::aborted, "the operation was aborted");
  return Status::good();
}

}  // namespace diptych::training
