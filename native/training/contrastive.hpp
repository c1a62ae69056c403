// CLIP's and SigLIP's losses over n matching pairs of rows, and their gradients, without ever holding n x n
// numbers: logits are made again, tile by tile, for each side.
//
// CLIP (Radford et al. 2021): half the sum of the mean cross-entropies of the rows and of the columns of
// scale * A B^T, the diagonal being right. SigLIP (Zhai et al. 2023): the sum over all pairs of
// -log sigmoid(y (scale * a.b + bias)), y = 1 on the diagonal and -1 elsewhere, divided by n.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/status.hpp"

namespace diptych::training {

enum class Contrast { softmax, sigmoid };

struct Pairs {
  std::span<const float> images;  // count x dim
  std::span<const float> texts;   // count x dim
  std::size_t count;
  std::size_t dim;
};

struct ContrastiveResult {
  double loss = 0;
  double image_loss = 0;  // softmax: mean cross-entropy of the rows (images choose texts)
  double text_loss = 0;   // softmax: of the columns
  double scale_gradient = 0;
  double bias_gradient = 0;
};

// Gradients (count x dim each) are written where the spans are not empty; scale_gradient and bias_gradient
// come with the images' gradient. Memory beyond the arguments: a copy of both matrices, and about 2 MB a
// thread. The result does not depend on `threads`. `step` is called from any thread after each of
// contrastive_steps() blocks of rows.
[[nodiscard]] base::Status contrastive_loss(Contrast kind, const Pairs& pairs, double scale, double bias,
                                            std::span<float> image_gradient, std::span<float> text_gradient,
                                            std::size_t threads, const std::function<bool()>& cancelled,
                                            const std::function<void()>& step, ContrastiveResult* result);

// CLIP: a pass over the rows and one over the columns for the loss, one each for the gradients. SigLIP: the
// first pass gives the images' gradient too.
[[nodiscard]] std::size_t contrastive_steps(Contrast kind, std::size_t count, bool gradients) noexcept;

// Up to this many pairs are worked out in float64 on the calling thread (at most 30 ms at 512 numbers a row).
inline constexpr std::size_t kSmall = 128;
void small_contrastive_loss(Contrast kind, const Pairs& pairs, double scale, double bias,
                            std::span<float> image_gradient, std::span<float> text_gradient,
                            ContrastiveResult* result);

}  // namespace diptych::training
