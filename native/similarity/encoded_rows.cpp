#include "similarity/encoded_rows.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "similarity/active.hpp"
#include "similarity/rounding.hpp"
#include "similarity/segment.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;
using kernels::similarity::Soon;

namespace {

// Covers what falls below float's normal range, far below any difference that a double could show.
constexpr double underflow = 0x1p-90;
// The same where an instruction takes everything below float's normal range for zero: d (at most 2^17 here)
// times two values below 2^-126, times a scale of at most 2^40.
constexpr double flushed = 0x1p-60;

// gamma(n), n roundings of float.
double gamma(double n) noexcept {
  const double roundings = n * 0x1p-24;
  return roundings > 0.25 ? std::numeric_limits<double>::infinity() : roundings / (1 - roundings);
}

// What the bound of scores covers beside a pass's own error.
double error_of_scores(std::size_t dim, Bound bound) noexcept {
  return bound == Bound::upper_of_fp32 ? fp32_product_error(dim) : 0;
}

// `ahead` of the rows that follow, to be fetched while these are read.
Soon soon_after(const Rows& rows, std::size_t first, std::size_t count, std::size_t ahead) noexcept {
  return {rows.at(first + count), ahead * rows.stride() / std::max<std::size_t>(count, 1)};
}

// One line more than the words: else the rows of a tile would share a few sets of the first-level cache.
std::size_t stride_of_digits(std::size_t dim) noexcept {
  return kernels::similarity::words_of_digits(dim) * 4 + 64;
}

}  // namespace

double fp32_error(std::size_t dim) noexcept { return gamma(static_cast<double>(dim) * (1 + 1.0 / 32) + 24); }

double fp32_product_error(std::size_t dim) noexcept { return fp32_error(dim) + 0x1p-50; }

double bf16_error(std::size_t dim) noexcept {
  // Both factors rounded, the query to float first: (1 + e)^2 - 1, and the sums of the rounded products.
  constexpr double e = 0x1p-8 + 0x1p-23;
  return 2 * e + e * e + (1 + 3 * e) * gamma(static_cast<double>(dim) * (2 + 1.0 / 32) + 24);
}

double digits_error(std::size_t dim) noexcept {
  const auto d = static_cast<double>(dim);
  // A step in units of the length: 2^-22.99 at most.
  constexpr double step = 1 / (static_cast<double>(kernels::similarity::most_steps) - 1);
  const double off_by_a_step = 2 * std::sqrt(d) * step + 2 * d * step * step;
  const double left_out = d * (0x1p23 + 0x1p14) * step * step;
  const double high_digits = 1 + std::sqrt(d) * 0x1p-7;
  return off_by_a_step + left_out + gamma(32) * high_digits * high_digits;
}

Status EncodedRows::settle_lengths(const Rows& rows, std::size_t first, std::size_t count,
                                   std::span<const double> norms, Metric metric) {
  const auto own_norms = norms.subspan(first, count);
  leave_in_place(rows, first, count, metric);
  const bool plain = rows.type == DType::float32 && std::ranges::all_of(own_norms, [](double norm) {
                       return norm == 0 || (norm >= shortest_plain && norm <= longest_plain);
                     });
  if (!plain) return rescale(rows, first, own_norms, metric);
  for (std::size_t j = 0; j < count; ++j) set_length(j, own_norms[j]);
  return Status::good();
}

void EncodedRows::set_error(double error, std::size_t dim, double underflown, Bound bound) noexcept {
  error += error_of_scores(dim, bound);
  // In floats, for many rows at a time: 2^-20 is more than their three roundings.
  per_length_ = bound != Bound::none ? above(error * (1 + 0x1p-20)) : 0;
  least_ = bound != Bound::none ? above(underflown * (1 + 0x1p-20)) : 0;
}

float EncodedRows::radius_of(double length) const noexcept {
  // Infinity, even of a row of zeros.
  if (!(per_length_ < std::numeric_limits<float>::infinity())) return per_length_;
  return static_cast<float>(length) * per_length_ + least_;
}

void EncodedRows::set_radius(double error, std::size_t dim, double underflown, Bound bound) {
  set_error(error, dim, underflown, bound);
  radius_.resize(count_);
  for (std::size_t j = 0; j < count_; ++j) radius_[j] = radius_of(length_[j]);
  offset_ = radius_;
}

void EncodedRows::start_fp32(const Rows& rows, std::size_t first, std::size_t count, Metric metric,
                             Bound bound) {
  leave_in_place(rows, first, count, metric);
  radius_.resize(count);
  offset_.resize(count);
  set_error(fp32_error(rows.dim), rows.dim, underflow, bound);
}

void EncodedRows::settle(std::size_t row, double norm) noexcept {
  set_length(row, norm);
  radius_[row] = offset_[row] = radius_of(length_[row]);
}

void EncodedRows::set_length(std::size_t row, double norm) noexcept {
  const bool cosine = metric_ == Metric::cosine;
  scale_[row] = norm == 0 ? 0.0f : cosine ? static_cast<float>(1 / norm) : 1.0f;
  length_[row] = norm == 0 ? 0 : cosine ? 1 : norm;
}

float EncodedRows::most_offset(float longest) const noexcept {
  return radius_of(metric_ == Metric::cosine ? 1 : static_cast<double>(longest) * (1 + 0x1p-20));
}

void EncodedRows::leave_in_place(const Rows& rows, std::size_t first, std::size_t count, Metric metric) {
  count_ = count;
  source_ = rows_ = rows.at(first);
  source_stride_ = stride_ = rows.stride();
  ahead_ = 0;
  words_ = rows.dim;
  unit_ = 1;
  reach_ = 0;
  metric_ = metric;
  in_place_ = true;
  scale_.resize(count);
  length_.resize(count);
}

Status EncodedRows::encode_fp32(const Rows& rows, std::size_t first, std::size_t count,
                                std::span<const double> norms, Metric metric, Bound bound) {
  Status status = settle_lengths(rows, first, count, norms, metric);
  if (status.ok()) set_radius(fp32_error(rows.dim), rows.dim, underflow, bound);
  return status;
}

Status EncodedRows::halve(const std::byte* rows, std::size_t count, std::size_t dim, const Soon& soon) {
  const std::size_t padded = code_stride(dim * 2) / 2;
  if (!halves_.reserve(count * padded)) {
    return Status::fail(Code::out_of_memory, "not enough memory for a block of rows");
  }
  squares_.resize(count);
  active_rows().halve(
      {reinterpret_cast<const float*>(rows), dim, count, dim, halves_.data(), padded, squares_.data(), soon});
  const std::size_t written = (dim + 15) / 16 * 16;
  if (written == padded) return Status::good();
  for (std::size_t j = 0; j < count; ++j) {
    std::fill_n(halves_.data() + j * padded + written, padded - written, std::uint16_t{0});
  }
  return Status::good();
}

Status EncodedRows::copy(MakeCopies make, const Rows& rows, std::size_t first, std::size_t count,
                         std::span<const double> norms, std::span<double> to_fill, Metric metric,
                         std::size_t ahead) {
  const std::byte* const from = rows.at(first);
  const Soon soon = soon_after(rows, first, count, ahead);
  const bool fresh = !to_fill.empty() && rows.type == DType::float32;
  if (fresh) {
    if (Status status = (this->*make)(from, count, rows.dim, soon); !status.ok()) return status;
  }
  if (!to_fill.empty()) {
    const auto lengths = to_fill.subspan(first, count);
    const bool finite =
        fresh ? norms_from_squares(rows, first, squares_, lengths) : quick_norms(rows, first, lengths);
    if (!finite) return Status::fail(Code::bad_input, std::string(unnamed_bad_row));
  }
  if (Status status = settle_lengths(rows, first, count, norms, metric); !status.ok()) return status;
  // Floats that had to be scaled, where lengths are extreme, are copied anew.
  if (!fresh || !in_place_) {
    if (Status status = (this->*make)(rows_, count, rows.dim, soon); !status.ok()) return status;
  }
  ahead_ = ahead;
  in_place_ = false;
  return Status::good();
}

Status EncodedRows::encode_bf16(const Rows& rows, std::size_t first, std::size_t count,
                                std::span<const double> norms, std::span<double> to_fill, Metric metric,
                                Bound bound, std::size_t ahead) {
  Status status = copy(&EncodedRows::halve, rows, first, count, norms, to_fill, metric, ahead);
  if (!status.ok()) return status;
  rows_ = reinterpret_cast<const std::byte*>(halves_.data());
  stride_ = code_stride(rows.dim * 2);
  words_ = stride_ / 4;
  set_radius(bf16_error(rows.dim), rows.dim, flushed, bound);
  return Status::good();
}

Status EncodedRows::split(const std::byte* rows, std::size_t count, std::size_t dim, const Soon& soon) {
  const std::size_t stride = stride_of_digits(dim);
  if (!codes_.reserve(count * stride)) {
    return Status::fail(Code::out_of_memory, "not enough memory for a block of rows");
  }
  steps_.resize(count);
  squares_.resize(count);
  active_digits().split({reinterpret_cast<const float*>(rows), dim, count, dim, codes_.data(), stride,
                         steps_.data(), squares_.data(), soon});
  return Status::good();
}

Status EncodedRows::encode_digits(const Rows& rows, std::size_t first, std::size_t count,
                                  std::span<const double> norms, std::span<double> to_fill, Metric metric,
                                  Bound bound, std::size_t ahead) {
  Status status = copy(&EncodedRows::split, rows, first, count, norms, to_fill, metric, ahead);
  if (!status.ok()) return status;
  // The sums are in units of 2^16 steps times steps.
  for (std::size_t j = 0; j < count; ++j) scale_[j] *= steps_[j] * 0x1p16f;
  rows_ = reinterpret_cast<const std::byte*>(codes_.data());
  words_ = kernels::similarity::words_of_digits(rows.dim);
  stride_ = stride_of_digits(rows.dim);
  set_radius(digits_error(rows.dim), rows.dim, underflow, bound);
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
  in_place_ = false;
  stride_ = rows.dim * sizeof(float);
  return Status::good();
}

Status EncodedRows::make_codes(const Rows& rows, std::size_t first, std::size_t count,
                               std::span<double> to_fill, Metric metric, const Centre& centre,
                               std::size_t ahead) {
  if (!codes_.reserve(count * code_stride(rows.dim))) {
    return Status::fail(Code::out_of_memory, "not enough memory for a block of rows");
  }
  stats_.resize(count);
  squares_.resize(count);
  similarity::make_codes(rows, first, metric, centre, codes_.data(), stats_, squares_,
                         soon_after(rows, first, count, ahead));
  if (!to_fill.empty() && !norms_from_squares(rows, first, squares_, to_fill.subspan(first, count))) {
    return Status::fail(Code::bad_input, std::string(unnamed_bad_row));
  }
  return Status::good();
}

void EncodedRows::encode_int8(const Rows& rows, std::size_t first, std::span<const double> norms,
                              Metric metric, const Centre& centre, const PackedQueries& queries, Bound bound,
                              std::size_t ahead) {
  row_codes_.resize(norms.size());
  describe_codes(rows, first, norms, metric, centre, codes_.data(), stats_, row_codes_);
  use_codes({codes_.data(), code_stride(rows.dim), row_codes_}, rows.dim, centre, queries, bound);
  in_place_ = false;
  source_ = rows.at(first);
  source_stride_ = rows.stride();
  ahead_ = rows.type == DType::float32 ? ahead : 0;
}

void EncodedRows::use_codes(const CodeView& codes, std::size_t dim, const Centre& centre,
                            const PackedQueries& queries, Bound bound) {
  count_ = codes.rows.size();
  rows_ = reinterpret_cast<const std::byte*>(codes.codes);
  in_place_ = true;
  source_ = rows_;
  source_stride_ = codes.stride;
  ahead_ = 0;
  stride_ = codes.stride;
  words_ = codes.stride / 4;
  unit_ = 1;
  scale_.resize(count_);
  sums_.resize(count_);
  offset_.resize(count_);
  radius_.assign(count_, 0.0f);
  // |x'.y' - x^.y^| <= |x^| |y' - y^| + |x' - x^| |y'| (docs/exactness.md)
  const bool own = bound != Bound::none && queries.own_errors_pay(codes.lengths);
  reach_ = own ? static_cast<double>(codes.lengths.longest) : 0;
  const double a = queries.code_length();
  const double b = own ? queries.least_code_error() : queries.code_error();
  // A row is no longer than what is coded of it and the centre together.
  const double of_scores = error_of_scores(dim, bound);
  // a error + b length, with what conversions, products and sums in float add: 2^-20 is more than all of it.
  constexpr double wider = 1 + 0x1p-20;
  const float per_error = above(a * (wider + 0x1p-20) * wider);
  const float per_length = above((b * wider + a * 0x1p-20 + of_scores) * wider);
  const float least = above(of_scores * centre.length() * wider);
  for (std::size_t j = 0; j < count_; ++j) {
    const RowCode& row = codes.rows[j];
    scale_[j] = row.scale;
    sums_[j] = row.sum;
    offset_[j] = row.centre_dot;
    if (bound == Bound::none) continue;
    const float radius =
        (per_error * row.error + per_length * row.length + row.slack + least) * (1 + 0x1p-20f);
    radius_[j] = radius;
    offset_[j] = row.centre_dot + radius + 0x1p-22f * (std::abs(row.centre_dot) + radius);
  }
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
          .row_sum = sums_.data(),
          .query_scale = nullptr};
}

}  // namespace diptych::similarity
