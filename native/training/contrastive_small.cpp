// The same losses for few pairs, in float64: there a gradient is as large as scale / pairs, and the rounding
// of float32 logits (6e-6 at a scale of 100) would show in it.
#include <algorithm>
#include <cmath>
#include <vector>

#include "training/contrastive.hpp"

namespace diptych::training {
namespace {

struct Square {
  std::size_t side;
  std::vector<double> data;
  double& at(std::size_t i, std::size_t j) { return data[i * side + j]; }
};

Square cosines_of(const Pairs& pairs) {
  Square cosines{pairs.count, std::vector<double>(pairs.count * pairs.count)};
  for (std::size_t i = 0; i < pairs.count; ++i) {
    for (std::size_t j = 0; j < pairs.count; ++j) {
      const float* a = pairs.images.data() + i * pairs.dim;
      const float* b = pairs.texts.data() + j * pairs.dim;
      double sum = 0;
      for (std::size_t k = 0; k < pairs.dim; ++k) sum += double{a[k]} * double{b[k]};
      cosines.at(i, j) = sum;
    }
  }
  return cosines;
}

// Adds half the softmax slopes of one line (a row or a column: `stride` apart) to `slopes`; gives its
// cross-entropy.
double softmax_line(const double* cosines, double* slopes, std::size_t count, std::size_t stride,
                    std::size_t target, double scale) {
  double most = -HUGE_VAL;
  for (std::size_t j = 0; j < count; ++j) most = std::max(most, scale * cosines[j * stride]);
  double sum = 0;
  for (std::size_t j = 0; j < count; ++j) sum += std::exp(scale * cosines[j * stride] - most);
  const double half = 0.5 / static_cast<double>(count);
  for (std::size_t j = 0; j < count; ++j) {
    const double probability = std::exp(scale * cosines[j * stride] - most) / sum;
    slopes[j * stride] += half * (probability - (j == target ? 1.0 : 0.0));
  }
  return most + std::log(sum) - scale * cosines[target * stride];
}

void softmax_slopes(Square& cosines, Square& slopes, double scale, ContrastiveResult* result) {
  const std::size_t n = cosines.side;
  for (std::size_t i = 0; i < n; ++i) {
    result->image_loss += softmax_line(&cosines.at(i, 0), &slopes.at(i, 0), n, 1, i, scale);
    result->text_loss += softmax_line(&cosines.at(0, i), &slopes.at(0, i), n, n, i, scale);
  }
  result->image_loss /= static_cast<double>(n);
  result->text_loss /= static_cast<double>(n);
  result->loss = (result->image_loss + result->text_loss) / 2;
}

void sigmoid_slopes(Square& cosines, Square& slopes, double scale, double bias, ContrastiveResult* result) {
  const std::size_t n = cosines.side;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const double logit = scale * cosines.at(i, j) + bias;
      const double e = std::exp(-std::abs(logit));
      result->loss += std::max(logit, 0.0) + std::log1p(e) - (i == j ? logit : 0.0);
      const double slope = (logit >= 0 ? 1.0 : e) / (1 + e) - (i == j ? 1.0 : 0.0);
      slopes.at(i, j) = slope / static_cast<double>(n);
      result->bias_gradient += slopes.at(i, j);
    }
  }
  result->loss /= static_cast<double>(n);
}

// gradient_i = scale * sum over j of slope(i, j) * other_j
template <class Slope>
void write_gradient(std::span<float> gradient, std::span<const float> other, std::size_t count,
                    std::size_t dim, double scale, Slope slope) {
  if (gradient.empty()) return;
  std::vector<double> sums(dim);
  for (std::size_t i = 0; i < count; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t j = 0; j < count; ++j) {
      const double factor = scale * slope(i, j);
      for (std::size_t k = 0; k < dim; ++k) sums[k] += factor * double{other[j * dim + k]};
    }
    for (std::size_t k = 0; k < dim; ++k) gradient[i * dim + k] = static_cast<float>(sums[k]);
  }
}

}  // namespace

void small_contrastive_loss(Contrast kind, const Pairs& pairs, double scale, double bias,
                            std::span<float> image_gradient, std::span<float> text_gradient,
                            ContrastiveResult* result) {
  const std::size_t n = pairs.count;
  Square cosines = cosines_of(pairs);
  Square slopes{n, std::vector<double>(n * n, 0.0)};
  *result = {};
  if (kind == Contrast::softmax) {
    softmax_slopes(cosines, slopes, scale, result);
  } else {
    sigmoid_slopes(cosines, slopes, scale, bias, result);
  }
  for (std::size_t i = 0; i < n * n; ++i) result->scale_gradient += slopes.data[i] * cosines.data[i];
  write_gradient(image_gradient, pairs.texts, n, pairs.dim, scale,
                 [&](std::size_t i, std::size_t j) { return slopes.at(i, j); });
  write_gradient(text_gradient, pairs.images, n, pairs.dim, scale,
                 [&](std::size_t i, std::size_t j) { return slopes.at(j, i); });
}

}  // namespace diptych::training
