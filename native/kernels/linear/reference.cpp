// The plain loops that judge the others: float64 sums, the C library's exp.
#include <cmath>

#include "kernels/linear/kernel.hpp"

namespace diptych::kernels::linear {
namespace {

constexpr std::size_t kTileRows = 4;
constexpr std::size_t kWidth = 8;

void tile(std::size_t rows, std::size_t depth, const float* a, std::size_t a_row, std::size_t a_k,
          const float* panel, std::size_t panel_row, float* out) noexcept {
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < kWidth; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < depth; ++k) {
        sum += static_cast<double>(a[i * a_row + k * a_k]) * static_cast<double>(panel[k * panel_row + j]);
      }
      out[i * kWidth + j] = static_cast<float>(sum);
    }
  }
}

void dots(std::size_t rows, std::size_t columns, std::size_t depth, const float* a, const float* b,
          float* out) noexcept {
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < depth; ++k) {
        sum += static_cast<double>(a[i * depth + k]) * static_cast<double>(b[j * depth + k]);
      }
      out[i * columns + j] = static_cast<float>(sum);
    }
  }
}

float power(float x) noexcept {
  if (!(x >= -87.0f)) return 0.0f;
  return std::exp(x > 88.0f ? 88.0f : x);
}

double exp_row(const float* in, std::size_t count, float factor, float shift, float* out) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = power(in[i] * factor + shift);
    sum += static_cast<double>(out[i]);
  }
  return sum;
}

void exp_columns(const float* in, std::size_t count, float factor, const float* shifts, float* out) noexcept {
  for (std::size_t i = 0; i < count; ++i) out[i] = power(in[i] * factor - shifts[i]);
}

}  // namespace

constinit const Variant reference_variant{"reference", Family::reference, {},         kTileRows, kWidth, tile,
                                          dots,        exp_row,           exp_columns};

}  // namespace diptych::kernels::linear
