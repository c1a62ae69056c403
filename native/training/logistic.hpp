// Multinomial logistic loss and its gradient, in one pass over the rows per call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/status.hpp"

namespace diptych::training {

struct LogisticProblem {
  std::span<const float> rows;           // count x dim
  std::span<const std::int32_t> labels;  // count, each in [0, classes)
  std::size_t dim;
  std::size_t classes;
};

// weights and gradient: classes x (dim + 1), the intercept last. `loss` receives the sum over the rows of the
// cross-entropy of softmax(W x + b), `gradient` its gradient. Products in float32 (about 512 numbers an
// accumulator), softmax and everything that is added over blocks of rows in float64, in an order that does
// not depend on `threads`.
[[nodiscard]] base::Status logistic_loss(const LogisticProblem& problem, std::span<const double> weights,
                                         std::span<double> gradient, std::size_t threads,
                                         const std::function<bool()>& cancelled, double* loss);

}  // namespace diptych::training
