#include "training/logistic.hpp"

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

constexpr std::size_t kBlock = 256;
// Each group has a gradient of its own; their number must not depend on the threads, or the sums would.
constexpr std::size_t kMostGroups = 32;
constexpr std::size_t kGroupBytes = 64u << 20;

// Turns a row of logits into float32 (softmax - one-hot); gives the row's loss.
double softmax_residual(float* logits, const double* intercepts, std::size_t classes, std::size_t label,
                        double* powers) noexcept {
  double most = -HUGE_VAL;
  for (std::size_t c = 0; c < classes; ++c) {
    powers[c] = static_cast<double>(logits[c]) + intercepts[c];
    most = std::max(most, powers[c]);
  }
  const double own = powers[label] - most;
  double sum = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    powers[c] = std::exp(powers[c] - most);
    sum += powers[c];
  }
  for (std::size_t c = 0; c < classes; ++c)
    logits[c] = static_cast<float>(powers[c] / sum - (c == label ? 1.0 : 0.0));
  return std::log(sum) - own;
}

struct Group {
  std::vector<double> gradient;
  double loss = 0;
  bool out_of_memory = false;
};

class Pass {
 public:
  Pass(const LogisticProblem& problem, const float* weights, const Panels& panels,
       std::span<const double> intercepts)
      : problem_(problem), weights_(weights), panels_(panels), intercepts_(intercepts) {}

  void run(std::size_t from, std::size_t to, Group& group) const {
    const std::size_t classes = problem_.classes;
    group.gradient.assign(classes * (problem_.dim + 1), 0.0);
    std::vector<float> logits(kBlock * classes);
    std::vector<float> panel(kBlock * kernel_.width);
    std::vector<double> powers(classes);
    for (std::size_t at = from; at < to; at += kBlock) {
      const std::size_t count = std::min(kBlock, to - at);
      products(at, count, logits.data());
      for (std::size_t i = 0; i < count; ++i) {
        float* row = logits.data() + i * classes;
        group.loss += softmax_residual(row, intercepts_.data(), classes,
                                       static_cast<std::size_t>(problem_.labels[at + i]), powers.data());
        for (std::size_t c = 0; c < classes; ++c)
          group.gradient[c * (problem_.dim + 1) + problem_.dim] += static_cast<double>(row[c]);
      }
      for (std::size_t j = 0; j < problem_.dim; j += kernel_.width)
        add_gradient(at, count, j, logits.data(), panel.data(), group.gradient.data());
    }
  }

 private:
  // Rows times weights, without the intercepts.
  void products(std::size_t at, std::size_t count, float* logits) const noexcept {
    const float* x = problem_.rows.data() + at * problem_.dim;
    if (weights_ != nullptr) {
      kernel_.dots(count, problem_.classes, problem_.dim, x, weights_, logits);
    } else {
      multiply(kernel_, {x, problem_.dim, 1}, count, panels_, 0, problem_.classes, logits, problem_.classes,
               false);
    }
  }

  // gradient[:, j .. j + width) += residuals^T rows.
  void add_gradient(std::size_t at, std::size_t count, std::size_t j, const float* residuals, float* panel,
                    double* gradient) const noexcept {
    alignas(64) float tile[kernels::linear::kMostTile];
    const std::size_t dim = problem_.dim;
    const std::size_t classes = problem_.classes;
    const std::size_t width = kernel_.width;
    const std::size_t filled = std::min(width, dim - j);
    const float* from = problem_.rows.data() + at * dim + j;
    std::size_t stride = dim;
    // The rows are read where they are, unless that is past their end or happens often.
    if (filled < width || classes > kernel_.tile_rows) {
      for (std::size_t i = 0; i < count; ++i) {
        std::copy_n(from + i * dim, filled, panel + i * width);
        std::fill(panel + i * width + filled, panel + (i + 1) * width, 0.0f);
      }
      from = panel;
      stride = width;
    }
    for (std::size_t first = 0; first < classes; first += kernel_.tile_rows) {
      const std::size_t some = std::min(kernel_.tile_rows, classes - first);
      kernel_.tile(some, count, residuals + first, 1, classes, from, stride, tile);
      for (std::size_t c = 0; c < some; ++c) {
        double* to = gradient + (first + c) * (dim + 1) + j;
        for (std::size_t k = 0; k < filled; ++k) to[k] += static_cast<double>(tile[c * width + k]);
      }
    }
  }

  const kernels::linear::Variant& kernel_ = kernels::linear::active();
  const LogisticProblem& problem_;
  const float* weights_;  // null: as panels
  const Panels& panels_;
  std::span<const double> intercepts_;
};

}  // namespace

Status logistic_loss(const LogisticProblem& problem, std::span<const double> weights,
                     std::span<double> gradient, std::size_t threads, const std::function<bool()>& cancelled,
                     double* loss) {
  const std::size_t dim = problem.dim;
  const std::size_t classes = problem.classes;
  std::vector<float> narrow(classes * dim);
  std::vector<double> intercepts(classes);
  for (std::size_t c = 0; c < classes; ++c) {
    for (std::size_t j = 0; j < dim; ++j)
      narrow[c * dim + j] = static_cast<float>(weights[c * (dim + 1) + j]);
    intercepts[c] = weights[c * (dim + 1) + dim];
  }
  const auto& kernel = kernels::linear::active();
  const bool has_few_classes = classes < kernel.width;
  Panels panels;
  if (!has_few_classes && !panels.pack(kernel, {narrow.data(), 1, dim}, dim, classes))
    return {Code::out_of_memory, {}};

  const std::size_t count = problem.labels.size();
  const std::size_t blocks = (count + kBlock - 1) / kBlock;
  const std::size_t affordable = std::max<std::size_t>(2, kGroupBytes / (weights.size() * sizeof(double)));
  const std::size_t groups = std::max<std::size_t>(1, std::min({blocks, kMostGroups, affordable}));
  std::vector<Group> parts(groups);
  const Pass pass(problem, has_few_classes ? narrow.data() : nullptr, panels, intercepts);
  std::atomic<bool> stopped{false};
  base::ThreadPool::shared().for_each(groups, threads, [&](std::size_t g) {
    if (stopped.load(std::memory_order_relaxed) || cancelled()) {
      stopped = true;
      return;
    }
    const std::size_t from = blocks * g / groups * kBlock;
    const std::size_t to = std::min(count, blocks * (g + 1) / groups * kBlock);
    try {
      pass.run(from, to, parts[g]);
    } catch (const std::bad_alloc&) {
      parts[g].out_of_memory = true;
    }
  });
  if (stopped) return Status::fail(Code::aborted, "the operation was aborted");
  std::fill(gradient.begin(), gradient.end(), 0.0);
  *loss = 0;
  for (const Group& part : parts) {
    if (part.out_of_memory) return {Code::out_of_memory, {}};
    *loss += part.loss;
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += part.gradient[i];
  }
  return Status::good();
}

}  // namespace diptych::training
