// Nearest centroids by the bfloat16 kernels of the similarity search.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <new>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/thread_pool.hpp"
#include "kernels/similarity/kernel.hpp"
#include "similarity/active.hpp"
#include "similarity/rows.hpp"
#include "training/clusters.hpp"

namespace diptych::training {

using base::Code;
using base::Status;

namespace ks = kernels::similarity;

namespace {

constexpr std::size_t kRows = 96;  // whole tiles of every kernel; their scores stay in L2

// Centroids as the kernels want queries: bfloat16, in groups of panels of 16.
class Packed {
 public:
  Packed(const ks::Variant& kernel, std::size_t dim, std::size_t count) noexcept
      : kernel_(kernel), count_(count), width_(kernel.group * ks::panel_width) {
    constexpr std::size_t whole = ks::code_padding / 4;
    words_ = ((dim + 1) / 2 + whole - 1) / whole * whole;
  }

  [[nodiscard]] bool pack(std::span<const float> rows, std::size_t dim) noexcept {
    const std::size_t padded = (count_ + ks::panel_width - 1) / ks::panel_width * ks::panel_width;
    std::size_t values = 0;
    if (!base::multiply(padded, words_ * 2, &values) || !data_.reserve(values)) return false;
    std::fill_n(data_.data(), values, std::uint16_t{0});
    for (std::size_t q = 0; q < count_; ++q) {
      const std::size_t first = q / width_ * width_;
      const std::size_t step = panels(first) * ks::panel_width * 2;
      std::uint16_t* to = data_.data() + first * words_ * 2 + (q - first) * 2;
      const float* from = rows.data() + q * dim;
      for (std::size_t k = 0; k < dim; ++k) to[k / 2 * step + k % 2] = similarity::to_bfloat16(from[k]);
    }
    return true;
  }

  [[nodiscard]] std::size_t words() const noexcept { return words_; }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  // Panels of the group that begins at `first`.
  [[nodiscard]] std::size_t panels(std::size_t first) const noexcept {
    return (std::min(width_, count_ - first) + ks::panel_width - 1) / ks::panel_width;
  }
  [[nodiscard]] const std::byte* group(std::size_t first) const noexcept {
    return reinterpret_cast<const std::byte*>(data_.data() + first * words_ * 2);
  }
  [[nodiscard]] const ks::Variant& kernel() const noexcept { return kernel_; }

 private:
  const ks::Variant& kernel_;
  std::size_t count_;
  std::size_t width_;
  std::size_t words_ = 0;
  base::AlignedBuffer<std::uint16_t> data_;
};

// Ones for the kernels' factors, zeros for their offsets.
struct Neutral {
  std::vector<float> ones = std::vector<float>(std::max(kRows, ks::most_panels* ks::panel_width), 1.0f);
  std::vector<float> zeros = std::vector<float>(kRows, 0.0f);
};

// What one thread works in.
struct Scratch {
  base::AlignedBuffer<std::uint16_t> rows;
  std::vector<float> scores;
  std::vector<float> squares;  // of no use here
};

// scores[i, c] = row i . centroid c, for `count` rows.
bool score(const Packed& centroids, const float* rows, std::size_t count, std::size_t dim,
           const Neutral& neutral, Scratch& scratch) {
  const std::size_t values = centroids.words() * 2;
  if (!scratch.rows.reserve(kRows * values)) return false;
  scratch.scores.resize(kRows * centroids.count());
  scratch.squares.resize(count);
  const auto* const next = reinterpret_cast<const std::byte*>(rows + count * dim);
  similarity::active_rows().halve({rows,
                                   dim,
                                   count,
                                   dim,
                                   scratch.rows.data(),
                                   values,
                                   scratch.squares.data(),
                                   {next, dim * sizeof(float)}});
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t* const to = scratch.rows.data() + i * values;
    std::fill(to + dim, to + values, std::uint16_t{0});
  }
  ks::Block block{};
  block.rows = reinterpret_cast<const std::byte*>(scratch.rows.data());
  block.stride = values * sizeof(std::uint16_t);
  block.count = count;
  block.words = centroids.words();
  block.row_scale = neutral.ones.data();
  block.row_offset = neutral.zeros.data();
  block.query_scale = neutral.ones.data();
  const std::size_t at_once = centroids.kernel().groups_at_once * centroids.width();
  for (std::size_t first = 0; first < centroids.count(); first += at_once) {
    const std::size_t columns = std::min(at_once, centroids.count() - first);
    block.panels = centroids.group(first);
    block.panel_count = (columns + ks::panel_width - 1) / ks::panel_width;
    centroids.kernel().dense(
        block, {scratch.scores.data() + first, centroids.count(), columns, -HUGE_VALF, HUGE_VALF});
  }
  return true;
}

// The first column with the largest score - half_norm.
std::size_t best_column(float* scores, std::span<const float> half_norms) noexcept {
  constexpr std::size_t kLanes = 16;
  const std::size_t columns = half_norms.size();
  float most[kLanes];
  std::fill_n(most, kLanes, -HUGE_VALF);
  std::size_t j = 0;
  for (; j + kLanes <= columns; j += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      scores[j + lane] -= half_norms[j + lane];
      most[lane] = most[lane] < scores[j + lane] ? scores[j + lane] : most[lane];
    }
  }
  for (; j < columns; ++j) {
    scores[j] -= half_norms[j];
    most[0] = std::max(most[0], scores[j]);
  }
  const float largest = *std::max_element(most, most + kLanes);
  return static_cast<std::size_t>(std::find(scores, scores + columns, largest) - scores);
}

float squared_distance(const float* a, const float* b, std::size_t dim) noexcept {
  constexpr std::size_t kLanes = 16;
  float sums[kLanes] = {};
  std::size_t j = 0;
  for (; j + kLanes <= dim; j += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float gap = a[j + lane] - b[j + lane];
      sums[lane] += gap * gap;
    }
  }
  for (; j < dim; ++j) sums[0] += (a[j] - b[j]) * (a[j] - b[j]);
  double sum = 0;
  for (const float lane : sums) sum += double{lane};
  return static_cast<float>(sum);
}

}  // namespace

Status nearest_centroids_bf16(std::span<const float> rows, std::size_t dim, std::span<const float> centroids,
                              std::span<std::int32_t> labels, std::span<float> distances, std::size_t threads,
                              const std::function<bool()>& cancelled) {
  const std::size_t clusters = centroids.size() / dim;
  const std::size_t count = labels.size();
  Packed packed(similarity::active_bf16(), dim, clusters);
  if (!packed.pack(centroids, dim)) return {Code::out_of_memory, {}};
  std::vector<float> half_norms(clusters);
  for (std::size_t c = 0; c < clusters; ++c) {
    double sum = 0;
    for (const float value : centroids.subspan(c * dim, dim)) sum += double{value} * double{value};
    half_norms[c] = static_cast<float>(sum / 2);
  }
  const Neutral neutral;
  std::atomic<bool> stopped{false};
  std::atomic<bool> no_memory{false};
  // A run of blocks an item, so that a thread's scratch serves many of them.
  constexpr std::size_t kRun = 16 * kRows;
  base::ThreadPool::shared().for_each((count + kRun - 1) / kRun, threads, [&](std::size_t run) {
    try {
      Scratch scratch;
      const std::size_t end = std::min(count, (run + 1) * kRun);
      for (std::size_t first = run * kRun; first < end; first += kRows) {
        if (stopped.load(std::memory_order_relaxed)) return;
        if (cancelled()) {
          stopped = true;
          return;
        }
        const std::size_t some = std::min(kRows, end - first);
        const float* from = rows.data() + first * dim;
        if (!score(packed, from, some, dim, neutral, scratch)) throw std::bad_alloc();
        for (std::size_t i = 0; i < some; ++i) {
          const std::size_t best = best_column(scratch.scores.data() + i * clusters, half_norms);
          labels[first + i] = static_cast<std::int32_t>(best);
          distances[first + i] = squared_distance(from + i * dim, centroids.data() + best * dim, dim);
        }
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

}  // namespace diptych::training
