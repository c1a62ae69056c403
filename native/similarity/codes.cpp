#include "similarity/codes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "similarity/active.hpp"
#include "similarity/rounding.hpp"

namespace diptych::similarity {

using kernels::similarity::CodeStats;
using kernels::similarity::Soon;

namespace {

// Lengths whose squares and products float holds with room to spare.
constexpr double shortest_coded = 0x1p-30;
constexpr double longest_coded = 0x1p30;

// How much longer than rounding allows a float is made where it must not be too short: more than the
// roundings of the few sums and products that made it.
constexpr float wider = 1 + 0x1p-20f;

// The factor that makes a row what its codes stand for.
double factor_of(double norm, Metric metric) noexcept {
  if (metric == Metric::dot) return 1;
  return norm == 0 ? 0 : 1 / norm;
}

bool plainly_coded(double norm) noexcept {
  return norm == 0 || (norm >= shortest_coded && norm <= longest_coded);
}

// Centring such rows would not make their codes' errors a tenth smaller.
bool near_origin(std::span<const double> centre, double average_square, double average_largest) noexcept {
  double square = 0;
  double largest = 0;
  for (const double value : centre) {
    square += value * value;
    largest = std::max(largest, std::abs(value));
  }
  return square < average_square / 16 && largest < average_largest / 8;
}

}  // namespace

std::size_t code_stride(std::size_t dim) noexcept {
  constexpr std::size_t whole = kernels::similarity::code_padding;
  return (dim + whole - 1) / whole * whole;
}

bool codable(std::size_t dim, std::span<const double> norms, Metric metric) noexcept {
  if (dim > kernels::similarity::most_int8_dim) return false;
  if (metric == Metric::cosine) return true;
  return std::ranges::all_of(norms, plainly_coded);
}

void make_codes(const Rows& rows, std::size_t first, Metric metric, const Centre& centre, std::int8_t* codes,
                std::span<CodeStats> stats, std::span<float> squares, const Soon& soon) {
  const std::size_t dim = rows.dim;
  const std::size_t stride = code_stride(dim);
  const auto make = [&](const float* y, std::size_t from, std::size_t count, const Soon& meanwhile) {
    active_rows().quantise({y, dim, count, dim, centre.values(), metric == Metric::cosine,
                            codes + from * stride, stride, stats.data() + from, squares.data() + from,
                            meanwhile});
  };
  if (rows.type == DType::float32) {
    make(reinterpret_cast<const float*>(rows.at(first)), 0, stats.size(), soon);
  } else {
    std::vector<float> scratch(dim);
    for (std::size_t j = 0; j < stats.size(); ++j) make(rows.floats(first + j, scratch.data()), j, 1, {});
  }
  const std::size_t written = (dim + 15) / 16 * 16;
  if (written == stride) return;
  for (std::size_t j = 0; j < stats.size(); ++j)
    std::memset(codes + j * stride + written, 0, stride - written);
}

void describe_codes(const Rows& rows, std::size_t first, std::span<const double> norms, Metric metric,
                    const Centre& centre, std::int8_t* codes, std::span<CodeStats> stats,
                    std::span<RowCode> out) {
  const std::size_t dim = rows.dim;
  const std::size_t stride = code_stride(dim);
  const bool cosine = metric == Metric::cosine;
  const float lanes = (static_cast<float>(dim) / 16 + 16) * 0x1p-24f;
  // Each value of y' is off by a few ulps of itself and of y, and y by what its length is.
  const float off = (static_cast<float>(dim) / 32 + 16) * 0x1p-24f;
  const auto centre_length = static_cast<float>(centre.length()) * wider;
  const double centre_square = centre.length() * centre.length();
  std::vector<float> scratch;
  for (std::size_t j = 0; j < norms.size(); ++j) {
    CodeStats& made = stats[j];
    if (!plainly_coded(norms[j])) {
      // The row, its square or 1 / |y| would leave float's normal range: a copy scaled in double.
      scratch.resize(dim);
      const float* const y = rows.floats(first + j, scratch.data());
      for (std::size_t k = 0; k < dim; ++k) {
        scratch[k] = static_cast<float>(static_cast<double>(y[k]) / norms[j]);
      }
      float square = 0;
      active_rows().quantise(
          {scratch.data(), dim, 1, dim, centre.values(), false, codes + j * stride, stride, &made, &square});
    }
    const float length = !cosine ? static_cast<float>(norms[j]) : norms[j] == 0 ? 0.0f : 1.0f;
    const double towards = static_cast<double>(made.towards);
    const float off_centre = lanes * length * centre_length;
    const double square = static_cast<double>(length) * static_cast<double>(length) - 2 * towards +
                          centre_square + 4 * static_cast<double>(off_centre);
    const float shifted =
        centre.values() == nullptr ? length : std::sqrt(static_cast<float>(std::max(square, 0.0)) * wider);
    const float rounded = off * (length + shifted) + 0x1p-90f;
    RowCode& row = out[j];
    row.scale = made.scale;
    row.sum = made.sum;
    row.centre_dot = static_cast<float>(towards - centre_square);
    row.length = (shifted + rounded) * wider;
    row.error = (made.error * (1 + 2 * lanes) + rounded) * wider;
    row.slack = (2 * off_centre + rounded * centre_length + 0x1p-20f * (std::abs(row.centre_dot) + shifted) +
                 0x1p-90f) *
                wider;
  }
}

Centre::Centre(std::span<const float> values)
    : elements_(values), length_(std::sqrt(active_rows().sum_squares(values.data(), values.size()))) {}

CodeLengths lengths_of(std::span<const RowCode> rows) noexcept {
  CodeLengths lengths;
  double sum = 0;
  for (const RowCode& row : rows) {
    lengths.longest = std::max(lengths.longest, row.length);
    sum += static_cast<double>(row.length);
  }
  if (!rows.empty()) lengths.average = static_cast<float>(sum / static_cast<double>(rows.size()));
  return lengths;
}

std::vector<float> centre_of(const Rows& rows, Metric metric) {
  std::vector<double> sum(rows.dim);
  double squares = 0;
  double largest = 0;
  std::vector<float> scratch(rows.dim);
  const std::size_t samples = std::min(rows.rows, centre_rows);
  for (std::size_t i = 0; i < samples; ++i) {
    const float* const y = rows.floats(centre_row(i, rows.rows), scratch.data());
    const double square = active_rows().sum_squares(y, rows.dim);
    if (!std::isfinite(square)) continue;  // found and named when its chunk is read
    const double factor = factor_of(std::sqrt(square), metric);
    double most = 0;
    for (std::size_t k = 0; k < rows.dim; ++k) {
      const double value = static_cast<double>(y[k]) * factor;
      sum[k] += value;
      most = std::max(most, std::abs(value));
    }
    squares += square * factor * factor;
    largest += most;
  }
  std::vector<float> centre(rows.dim);
  const auto counted = static_cast<double>(std::max<std::size_t>(samples, 1));
  for (double& value : sum) value /= counted;
  if (near_origin(sum, squares / counted, largest / counted)) return centre;
  for (std::size_t k = 0; k < rows.dim; ++k) {
    centre[k] = std::abs(sum[k]) < 0x1p60 ? static_cast<float>(sum[k]) : 0.0f;
  }
  return centre;
}

}  // namespace diptych::similarity
