#include "similarity/encoded_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace diptych::similarity {

using base::Code;
using base::Status;

namespace {

// Rows of such lengths are used where they are: neither their sums with a unit query nor their scale can
// leave float's normal range.
constexpr double shortest_plain = 0x1p-40;
constexpr double longest_plain = 0x1p40;

// Covers what falls below float's normal range, far below any difference that a double could show.
constexpr double underflow = 0x1p-90;

float round_up(double x) noexcept {
  const auto y = static_cast<float>(x);
  return static_cast<double>(y) < x ? std::nextafter(y, std::numeric_limits<float>::infinity()) : y;
}

}  // namespace

double fp32_error(std::size_t dim) noexcept {
  const double roundings = (static_cast<double>(dim) + 12) * 0x1p-24;
  if (roundings > 0.25) return std::numeric_limits<double>::infinity();
  return roundings / (1 - roundings);
}

Status EncodedRows::encode_fp32(const Rows& rows, std::size_t first, std::size_t count,
                                std::span<const double> norms, Metric metric, Bound bound) {
  const auto own_norms = norms.subspan(first, count);
  count_ = count;
  words_ = rows.dim;
  unit_ = 1;
  scale_.resize(count);
  length_.resize(count);
  radius_.assign(count, 0.0f);
  const bool plain = rows.type == DType::float32 && std::ranges::all_of(own_norms, [](double norm) {
                       return norm == 0 || (norm >= shortest_plain && norm <= longest_plain);
                     });
  if (plain) {
    rows_ = rows.at(first);
    stride_ = rows.stride();
    for (std::size_t j = 0; j < count; ++j) {
      const double norm = own_norms[j];
      const bool cosine = metric == Metric::cosine;
      scale_[j] = norm == 0 ? 0.0f : cosine ? static_cast<float>(1 / norm) : 1.0f;
      length_[j] = norm == 0 ? 0 : cosine ? 1 : norm;
    }
  } else if (Status status = rescale(rows, first, own_norms, metric); !status.ok()) {
    return status;
  }
  if (bound == Bound::upper) {
    const double error = fp32_error(rows.dim);
    for (std::size_t j = 0; j < count; ++j) {
      if (length_[j] > 0) radius_[j] = round_up(error * length_[j] + underflow);
    }
  }
  offset_ = radius_;
  return Status::good();
}

// Copies, each row times a power of two that brings its length into [0.5, 1).
Status EncodedRows::rescale(const Rows& rows, std::size_t first, std::span<const double> norms,
                            Metric metric) {
  std::size_t floats = 0;
  if (!base::multiply(count_, rows.dim, &floats) || !copy_.reserve(floats)) {
    return Status::fail(Code::out_of_memory, "not enough memory for a block of rows");
  }
  const double longest = std::ranges::max(norms);
  const int top = longest > 0 ? std::ilogb(longest) + 1 : 0;
  if (metric == Metric::dot) unit_ = std::ldexp(1.0, top);
  for (std::size_t j = 0; j < count_; ++j) {
    float* const to = copy_.data() + j * rows.dim;
    widen(rows.at(first + j), rows.type, rows.dim, to);
    if (norms[j] == 0) {
      scale_[j] = 0;
      length_[j] = 0;
      continue;
    }
    const int exponent = std::ilogb(norms[j]) + 1;
    const double shrink = std::ldexp(1.0, -exponent);
    for (std::size_t k = 0; k < rows.dim; ++k)
      to[k] = static_cast<float>(static_cast<double>(to[k]) * shrink);
    const bool cosine = metric == Metric::cosine;
    scale_[j] = static_cast<float>(cosine ? 1 / (norms[j] * shrink) : std::ldexp(1.0, exponent - top));
    length_[j] = cosine ? 1 : norms[j] / unit_;
  }
  rows_ = reinterpret_cast<const std::byte*>(copy_.data());
  stride_ = rows.dim * sizeof(float);
  return Status::good();
}

kernels::similarity::Block EncodedRows::block() const noexcept {
  return {.rows = rows_,
          .stride = stride_,
          .count = count_,
          .panels = nullptr,
          .panel_count = 0,
          .words = words_,
          .row_scale = scale_.data(),
          .row_offset = offset_.data(),
          .row_sum = nullptr,
          .query_scale = nullptr};
}

}  // namespace diptych::similarity
