#include "training/contrastive.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>
#include <vector>

#include "base/thread_pool.hpp"
#include "training/gemm.hpp"

namespace diptych::training {

using base::Code;
using base::Status;

namespace {

constexpr std::size_t kRows = 96;      // a multiple of every kernel's tile_rows but NEON's, which rounds up
constexpr std::size_t kColumns = 384;  // a multiple of every kernel's width; kRows x kColumns fit in L2

// What one block of rows adds to the totals.
struct Share {
  double loss = 0;
  double scale_gradient = 0;
  double bias_gradient = 0;
};

// One side of the loss: `own` rows against all `other` rows.
class Side {
 public:
  Side(const float* own, const float* other, const Panels& other_columns, std::size_t count, std::size_t dim)
      : own_(own), other_(other), columns_(other_columns), count_(count), dim_(dim) {}

  [[nodiscard]] std::size_t blocks() const noexcept { return (count_ + kRows - 1) / kRows; }

  // log(sum_j exp(scale * own_i . other_j)) for the rows of a block; the share's loss is the sum of
  // cross-entropies.
  [[nodiscard]] Share log_sums(std::size_t block, float scale, std::span<float> log_sums) const {
    const std::size_t first = block * kRows;
    const std::size_t rows = std::min(kRows, count_ - first);
    std::vector<float> cosines(kRows * kColumns);
    std::vector<float> powers(kColumns);
    std::vector<double> sums(rows, 0.0);
    std::vector<float> most(rows, -HUGE_VALF);
    std::vector<double> diagonal(rows);
    Share share;
    for (std::size_t at = 0; at < count_; at += kColumns) {
      const std::size_t columns = std::min(kColumns, count_ - at);
      products(first, rows, at, columns, cosines.data());
      for (std::size_t i = 0; i < rows; ++i) {
        const float* row = cosines.data() + i * kColumns;
        float largest = most[i];
        for (std::size_t j = 0; j < columns; ++j) largest = std::max(largest, scale * row[j]);
        const double kept = sums[i] == 0.0 ? 0.0 : sums[i] * std::exp(double{most[i]} - double{largest});
        sums[i] = kept + kernels::linear::active().exp_row(row, columns, scale, -largest, powers.data());
        most[i] = largest;
        if (first + i >= at && first + i < at + columns)
          diagonal[i] = double{scale} * double{row[first + i - at]};
      }
    }
    for (std::size_t i = 0; i < rows; ++i) {
      const double log_sum = double{most[i]} + std::log(sums[i]);
      log_sums[first + i] = static_cast<float>(log_sum);
      share.loss += log_sum - diagonal[i];
    }
    return share;
  }

  // Softmax: d loss / d logit = (softmax over the row + softmax over the column - 2 on the diagonal) / 2n.
  [[nodiscard]] Share softmax_gradient(std::size_t block, float scale, std::span<const float> own_log_sums,
                                       std::span<const float> other_log_sums, float* gradient) const {
    const auto& kernel = kernels::linear::active();
    std::vector<float> other_powers(kColumns);
    const float half = 0.5f / static_cast<float>(count_);
    return walk(block, scale, gradient,
                [&](std::size_t row, std::size_t at, std::span<const float> cosines, std::span<float> slopes,
                    Share& share) {
                  kernel.exp_row(cosines.data(), cosines.size(), scale, -own_log_sums[row], slopes.data());
                  kernel.exp_columns(cosines.data(), cosines.size(), scale, other_log_sums.data() + at,
                                     other_powers.data());
                  for (std::size_t j = 0; j < slopes.size(); ++j)
                    slopes[j] = half * (slopes[j] + other_powers[j]);
                  if (row >= at && row < at + slopes.size()) slopes[row - at] -= 2 * half;
                  double sum = 0;
                  for (std::size_t j = 0; j < slopes.size(); ++j)
                    sum += double{slopes[j]} * double{cosines[j]};
                  share.scale_gradient += sum;
                });
  }

  // Sigmoid: d loss / d logit = (sigmoid(logit) - [on the diagonal]) / n. Also the loss itself.
  [[nodiscard]] Share sigmoid_gradient(std::size_t block, float scale, float bias, float* gradient) const {
    const auto& kernel = kernels::linear::active();
    std::vector<float> powers(kColumns);
    std::vector<float> none(kColumns, 0.0f);
    const double share_of = 1.0 / static_cast<double>(count_);
    return walk(block, scale, gradient,
                [&](std::size_t row, std::size_t at, std::span<const float> cosines, std::span<float> slopes,
                    Share& share) {
                  // With e = exp(-|logit|): softplus(logit) = max(logit, 0) + log(1 + e). The logarithms are
                  // taken of products of 256 factors in [1, 2], which float64 holds without overflow.
                  for (std::size_t j = 0; j < slopes.size(); ++j)
                    slopes[j] = -std::abs(scale * cosines[j] + bias);
                  kernel.exp_columns(slopes.data(), slopes.size(), 1.0f, none.data(), powers.data());
                  double product = 1;
                  double loss = 0;
                  double sum = 0;
                  double bias_sum = 0;
                  for (std::size_t j = 0; j < slopes.size(); ++j) {
                    const double logit = double{scale} * double{cosines[j]} + double{bias};
                    const double e = double{powers[j]};
                    loss += std::max(logit, 0.0);
                    product *= 1 + e;
                    if (j % 256 == 255) {
                      loss += std::log(product);
                      product = 1;
                    }
                    double slope = (logit >= 0 ? 1.0 : e) / (1 + e);
                    if (row == at + j) {
                      slope -= 1;
                      loss -= logit;  // softplus(-x) = softplus(x) - x
                    }
                    slope *= share_of;
                    slopes[j] = static_cast<float>(slope);
                    sum += slope * double{cosines[j]};
                    bias_sum += slope;
                  }
                  share.loss += loss + std::log(product);
                  share.scale_gradient += sum;
                  share.bias_gradient += bias_sum;
                });
  }

 private:
  void products(std::size_t first, std::size_t rows, std::size_t at, std::size_t columns, float* out) const {
    multiply(kernels::linear::active(), {own_ + first * dim_, dim_, 1}, rows, columns_, at, columns, out,
             kColumns, false);
  }

  // Makes the block's cosines again; `slopes_of` turns those of one row into d loss / d logit. Then
  // gradient = scale * slopes * other. A null `gradient` skips the second product.
  template <class SlopesOf>
  [[nodiscard]] Share walk(std::size_t block, float scale, float* gradient, SlopesOf slopes_of) const {
    const auto& kernel = kernels::linear::active();
    const std::size_t first = block * kRows;
    const std::size_t rows = std::min(kRows, count_ - first);
    std::vector<float> cosines(kRows * kColumns);
    std::vector<float> slopes(kRows * kColumns);
    Panels others;
    Share share;
    for (std::size_t at = 0; at < count_; at += kColumns) {
      const std::size_t columns = std::min(kColumns, count_ - at);
      products(first, rows, at, columns, cosines.data());
      for (std::size_t i = 0; i < rows; ++i) {
        slopes_of(first + i, at, std::span<const float>(cosines).subspan(i * kColumns, columns),
                  std::span<float>(slopes).subspan(i * kColumns, columns), share);
      }
      if (gradient == nullptr) continue;
      if (!others.pack(kernel, {other_ + at * dim_, dim_, 1}, columns, dim_)) throw std::bad_alloc();
      multiply(kernel, {slopes.data(), kColumns, 1}, rows, others, 0, dim_, gradient + first * dim_, dim_,
               at > 0);
    }
    if (gradient != nullptr) {
      for (std::size_t i = first * dim_; i < (first + rows) * dim_; ++i) gradient[i] *= scale;
    }
    return share;
  }

  const float* own_;
  const float* other_;
  const Panels& columns_;
  std::size_t count_;
  std::size_t dim_;
};

// work(block) for all blocks on the pool; the shares are added in order.
class Runner {
 public:
  Runner(std::size_t threads, const std::function<bool()>& cancelled, const std::function<void()>& step)
      : threads_(threads), cancelled_(cancelled), step_(step) {}

  template <class Work>
  [[nodiscard]] Status run(std::size_t blocks, Work work, Share* total) const {
    std::vector<Share> shares(blocks);
    std::atomic<bool> stopped{false};
    std::atomic<bool> no_memory{false};
    base::ThreadPool::shared().for_each(blocks, threads_, [&](std::size_t block) {
      if (stopped.load(std::memory_order_relaxed) || no_memory.load(std::memory_order_relaxed)) return;
      if (cancelled_()) {
        stopped = true;
        return;
      }
      try {
        shares[block] = work(block);
        step_();
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    });
    if (no_memory) return {Code::out_of_memory, {}};
    if (stopped) return Status::fail(Code::aborted, "the operation was aborted");
    *total = {};
    for (const Share& share : shares) {
      total->loss += share.loss;
      total->scale_gradient += share.scale_gradient;
      total->bias_gradient += share.bias_gradient;
    }
    return Status::good();
  }

 private:
  std::size_t threads_;
  const std::function<bool()>& cancelled_;
  const std::function<void()>& step_;
};

Status softmax_loss(const Side& images, const Side& texts, std::size_t count, float scale,
                    std::span<float> image_gradient, std::span<float> text_gradient, const Runner& runner,
                    ContrastiveResult* result) {
  std::vector<float> image_sums(count);
  std::vector<float> text_sums(count);
  Share share;
  const double rows = static_cast<double>(count);
  auto status = runner.run(
      images.blocks(), [&](std::size_t b) { return images.log_sums(b, scale, image_sums); }, &share);
  if (!status.ok()) return status;
  result->image_loss = share.loss / rows;
  status = runner.run(
      texts.blocks(), [&](std::size_t b) { return texts.log_sums(b, scale, text_sums); }, &share);
  if (!status.ok()) return status;
  result->text_loss = share.loss / rows;
  result->loss = (result->image_loss + result->text_loss) / 2;
  if (!image_gradient.empty()) {
    status = runner.run(
        images.blocks(),
        [&](std::size_t b) {
          return images.softmax_gradient(b, scale, image_sums, text_sums, image_gradient.data());
        },
        &share);
    if (!status.ok()) return status;
    result->scale_gradient = share.scale_gradient;
  }
  if (text_gradient.empty()) return status;
  return runner.run(
      texts.blocks(),
      [&](std::size_t b) {
        return texts.softmax_gradient(b, scale, text_sums, image_sums, text_gradient.data());
      },
      &share);
}

}  // namespace

std::size_t contrastive_steps(Contrast kind, std::size_t count, bool gradients) noexcept {
  const std::size_t blocks = count <= kSmall ? 0 : (count + kRows - 1) / kRows;
  return blocks * (kind == Contrast::softmax ? (gradients ? 4 : 2) : (gradients ? 2 : 1));
}

Status contrastive_loss(Contrast kind, const Pairs& pairs, double scale, double bias,
                        std::span<float> image_gradient, std::span<float> text_gradient, std::size_t threads,
                        const std::function<bool()>& cancelled, const std::function<void()>& step,
                        ContrastiveResult* result) {
  if (pairs.count <= kSmall) {
    small_contrastive_loss(kind, pairs, scale, bias, image_gradient, text_gradient, result);
    return Status::good();
  }
  const auto& kernel = kernels::linear::active();
  const std::size_t dim = pairs.dim;
  Panels image_columns;
  Panels text_columns;
  if (!image_columns.pack(kernel, {pairs.images.data(), 1, dim}, dim, pairs.count) ||
      !text_columns.pack(kernel, {pairs.texts.data(), 1, dim}, dim, pairs.count)) {
    return {Code::out_of_memory, {}};
  }
  const Side images(pairs.images.data(), pairs.texts.data(), text_columns, pairs.count, dim);
  const Side texts(pairs.texts.data(), pairs.images.data(), image_columns, pairs.count, dim);
  const Runner runner(threads, cancelled, step);
  const auto factor = static_cast<float>(scale);
  if (kind == Contrast::softmax)
    return softmax_loss(images, texts, pairs.count, factor, image_gradient, text_gradient, runner, result);

  const auto shift = static_cast<float>(bias);
  Share share;
  float* image_out = image_gradient.empty() ? nullptr : image_gradient.data();
  auto status = runner.run(
      images.blocks(), [&](std::size_t b) { return images.sigmoid_gradient(b, factor, shift, image_out); },
      &share);
  if (!status.ok()) return status;
  result->loss = share.loss / static_cast<double>(pairs.count);
  result->scale_gradient = share.scale_gradient;
  result->bias_gradient = share.bias_gradient;
  if (text_gradient.empty()) return status;
  return runner.run(
      texts.blocks(),
      [&](std::size_t b) { return texts.sigmoid_gradient(b, factor, shift, text_gradient.data()); }, &share);
}

}  // namespace diptych::training
