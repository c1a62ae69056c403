#include "similarity/logits.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "similarity/dense.hpp"
#include "similarity/parallel.hpp"

namespace diptych::similarity {

using base::Status;

namespace {

void softmax(std::span<float> row, std::vector<double>& powers) {
  const auto most = static_cast<double>(std::ranges::max(row));
  powers.resize(row.size());
  double sum = 0;
  for (std::size_t j = 0; j < row.size(); ++j) {
    powers[j] = std::exp(static_cast<double>(row[j]) - most);
    sum += powers[j];
  }
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = static_cast<float>(powers[j] / sum);
}

void scale_and_activate(std::span<float> rows, std::size_t columns, const LogitOptions& how) {
  for (float& value : rows) {
    value = static_cast<float>(static_cast<double>(value) * how.scale + how.bias);
  }
  activate(rows, columns, how.activation);
}

// Images with several vectors: their cosines a block at a time, so that the larger matrix never exists.
Status pooled(const Rows& a, const Rows& b, const LogitOptions& how, std::span<float> out,
              const Options& options) {
  constexpr std::size_t most_floats = std::size_t{4} << 20;
  const std::size_t images = a.rows / how.vectors;
  const std::size_t step =
      std::clamp<std::size_t>(most_floats / std::max<std::size_t>(1, how.vectors * b.rows), 1, images);
  std::vector<float> cosines(step * how.vectors * b.rows);
  for (std::size_t first = 0; first < images; first += step) {
    const std::size_t count = std::min(step, images - first);
    const Rows part{a.at(first * how.vectors), a.type, count * how.vectors, a.dim};
    const auto scores = std::span(cosines).first(part.rows * b.rows);
    if (Status status = dense(part, b, scores, options); !status.ok()) return status;
    Status status = for_each_slab(count, options, [&](std::size_t, std::size_t i) {
      const auto row = out.subspan((first + i) * b.rows, b.rows);
      const float* from = scores.data() + i * how.vectors * b.rows;
      std::copy_n(from, b.rows, row.begin());
      for (std::size_t v = 1; v < how.vectors; ++v) {
        from += b.rows;
        for (std::size_t j = 0; j < b.rows; ++j) row[j] = std::max(row[j], from[j]);
      }
      scale_and_activate(row, b.rows, how);
      return Status::good();
    });
    if (!status.ok()) return status;
  }
  return Status::good();
}

}  // namespace

void activate(std::span<float> rows, std::size_t columns, Activation activation) {
  if (activation == Activation::none || columns == 0) return;
  if (activation == Activation::sigmoid) {
    for (float& value : rows) value = static_cast<float>(1 / (1 + std::exp(-static_cast<double>(value))));
    return;
  }
  std::vector<double> powers;
  for (std::size_t at = 0; at < rows.size(); at += columns) softmax(rows.subspan(at, columns), powers);
}

Status logits(const Rows& a, const Rows& b, const LogitOptions& how, std::span<float> out,
              const Options& options) {
  if (how.vectors > 1 && a.rows > 0) return pooled(a, b, how, out, options);
  return dense(a, b, out, options, [&](std::span<float> rows) { scale_and_activate(rows, b.rows, how); });
}

}  // namespace diptych::similarity
