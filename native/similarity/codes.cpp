#include "similarity/codes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/similarity/kernel.hpp"
#include "similarity/active.hpp"
#include "similarity/rounding.hpp"

namespace diptych::similarity {

using kernels::similarity::CodeStats;

namespace {

// Lengths whose squares and products float holds with room to spare.
constexpr double shortest_coded = 0x1p-30;
constexpr double longest_coded = 0x1p30;

// The factor that makes a row what its codes stand for.
double factor_of(double norm, Metric metric) noexcept {
  if (metric == Metric::dot) return 1;
  return norm == 0 ? 0 : 1 / norm;
}

}  // namespace

std::size_t code_stride(std::size_t dim) noexcept {
  constexpr std::size_t whole = kernels::similarity::code_padding;
  return (dim + whole - 1) / whole * whole;
}

bool codable(std::size_t dim, std::span<const double> norms, Metric metric) noexcept {
  if (dim > kernels::similarity::most_int8_dim) return false;
  if (metric == Metric::cosine) return true;
  return std::ranges::all_of(
      norms, [](double norm) { return norm == 0 || (norm >= shortest_coded && norm <= longest_coded); });
}

void encode_codes(const Rows& rows, std::size_t first, std::span<const double> norms, Metric metric,
                  std::span<const float> centre, std::int8_t* codes, std::span<RowCode> out) {
  const std::size_t dim = rows.dim;
  const std::size_t stride = code_stride(dim);
  const double centre_length = std::sqrt(active_rows().sum_squares(centre.data(), dim));
  const double lanes = (static_cast<double>(dim) / 16 + 16) * 0x1p-24;
  std::vector<float> scratch(dim);
  for (std::size_t j = 0; j < norms.size(); ++j) {
    const float* y = rows.floats(first + j, scratch.data());
    double factor = factor_of(norms[j], metric);
    if (metric == Metric::cosine && norms[j] > 0 && (norms[j] < shortest_coded || norms[j] > longest_coded)) {
      // 1 / |y| or the row itself would leave float's normal range: scale a copy in double.
      for (std::size_t k = 0; k < dim; ++k)
        scratch[k] = static_cast<float>(static_cast<double>(y[k]) * factor);
      y = scratch.data();
      factor = 1;
    }
    std::int8_t* const code = codes + j * stride;
    if (stride > dim) std::memset(code + dim, 0, stride - dim);
    const CodeStats stats = active_rows().quantise(y, static_cast<float>(factor), centre.data(), code, dim);
    const double unit_length = metric == Metric::cosine ? (norms[j] == 0 ? 0 : 1) : norms[j];
    const double length = static_cast<double>(stats.length) * (1 + 2 * lanes);
    // Each value of y' is off by a few ulps of itself and of y, and y by what its length is (quick_norms).
    const double rounded = (static_cast<double>(dim) / 32 + 16) * 0x1p-24 * (unit_length + length) + 0x1p-90;
    RowCode& row = out[j];
    row.scale = stats.scale;
    row.sum = stats.sum;
    row.centre_dot = stats.centre_dot;
    row.length = round_up(length + rounded);
    row.error = round_up(static_cast<double>(stats.error) * (1 + 2 * lanes) + rounded);
    row.slack = round_up(lanes * length * centre_length + rounded * centre_length +
                         0x1p-20 * (std::abs(static_cast<double>(stats.centre_dot)) + length) + 0x1p-90);
  }
}

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
  std::vector<float> scratch(rows.dim);
  const std::size_t samples = std::min<std::size_t>(rows.rows, 1024);
  for (std::size_t i = 0; i < samples; ++i) {
    const std::size_t row = i * rows.rows / samples;
    const float* const y = rows.floats(row, scratch.data());
    const double square = active_rows().sum_squares(y, rows.dim);
    if (!std::isfinite(square)) continue;  // found and named when its chunk is read
    const double factor = factor_of(std::sqrt(square), metric);
    for (std::size_t k = 0; k < rows.dim; ++k) sum[k] += static_cast<double>(y[k]) * factor;
  }
  std::vector<float> centre(rows.dim);
  for (std::size_t k = 0; k < rows.dim; ++k) {
    const double mean = samples == 0 ? 0 : sum[k] / static_cast<double>(samples);
    centre[k] = std::abs(mean) < 0x1p60 ? static_cast<float>(mean) : 0.0f;
  }
  return centre;
}

}  // namespace diptych::similarity
