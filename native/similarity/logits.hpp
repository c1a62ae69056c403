// Logits and probabilities, as a model's head makes them from cosines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

enum class Activation : std::uint8_t { none, softmax, sigmoid };

struct LogitOptions {
  double scale = 1;
  double bias = 0;
  Activation activation = Activation::none;
  // Rows of `a` that belong together (BLIP-2 has 32 an image): their largest cosine counts.
  std::size_t vectors = 1;
};

// out: a.rows / vectors * b.rows. Element (i, j) is activation(scale * cosine(i, j) + bias), a softmax over
// each row from its largest logit, so that nothing overflows; logits are rounded to float, exponentials and
// their sums are double. `vectors` divides a.rows; dims agree.
[[nodiscard]] base::Status logits(const Rows& a, const Rows& b, const LogitOptions& how, std::span<float> out,
                                  const Options& options);

// In place, row by row: the activation of `columns` logits each.
void activate(std::span<float> rows, std::size_t columns, Activation activation);

}  // namespace diptych::similarity
