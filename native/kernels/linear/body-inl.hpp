// The one body behind every instruction set: included by a file that defines, in its own unnamed namespace, a
// struct `V` (vector type, width, load, store, set, fma, ...). Everything here has internal linkage, so that
// no wide copy can reach an older CPU. No standard containers or algorithms.
#include <cstddef>
#include <cstring>

#include "kernels/linear/kernel.hpp"

namespace diptych::kernels::linear {
namespace {

template <std::size_t kRows, std::size_t kVectors>
void tile_of(std::size_t depth, const float* a, std::size_t a_row, std::size_t a_k, const float* panel,
             std::size_t panel_row, float* out) noexcept {
  typename V::Type sums[kRows][kVectors];
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t v = 0; v < kVectors; ++v) sums[i][v] = V::set(0.0f);
  }
  for (std::size_t k = 0; k < depth; ++k) {
    typename V::Type b[kVectors];
    for (std::size_t v = 0; v < kVectors; ++v) b[v] = V::load(panel + v * V::kWidth);
    for (std::size_t i = 0; i < kRows; ++i) {
      const auto x = V::set(a[i * a_row]);
      for (std::size_t v = 0; v < kVectors; ++v) sums[i][v] = V::fma(x, b[v], sums[i][v]);
    }
    a += a_k;
    panel += panel_row;
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t v = 0; v < kVectors; ++v) V::store(out + (i * kVectors + v) * V::kWidth, sums[i][v]);
  }
}

template <std::size_t kRows, std::size_t kVectors>
void tile_rows(std::size_t rows, std::size_t depth, const float* a, std::size_t a_row, std::size_t a_k,
               const float* panel, std::size_t panel_row, float* out) noexcept {
  if (rows == kRows) {
    tile_of<kRows, kVectors>(depth, a, a_row, a_k, panel, panel_row, out);
  } else if constexpr (kRows > 1) {
    tile_rows<kRows - 1, kVectors>(rows, depth, a, a_row, a_k, panel, panel_row, out);
  }
}

typename V::Type load_part(const float* from, std::size_t count) noexcept {
  float copy[V::kWidth] = {};
  std::memcpy(copy, from, count * sizeof(float));
  return V::load(copy);
}

template <std::size_t kRows, std::size_t kColumns>
void dots_of(std::size_t depth, const float* a, const float* b, float* out, std::size_t out_row) noexcept {
  typename V::Type sums[kRows][kColumns];
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < kColumns; ++j) sums[i][j] = V::set(0.0f);
  }
  const auto step = [&](auto load) {
    typename V::Type x[kRows];
    for (std::size_t i = 0; i < kRows; ++i) x[i] = load(a + i * depth);
    for (std::size_t j = 0; j < kColumns; ++j) {
      const auto y = load(b + j * depth);
      for (std::size_t i = 0; i < kRows; ++i) sums[i][j] = V::fma(x[i], y, sums[i][j]);
    }
  };
  const std::size_t whole = depth / V::kWidth * V::kWidth;
  for (std::size_t k = 0; k < whole; k += V::kWidth) {
    // The rows behind these: the hardware's prefetcher stops at the end of each page, which is two rows of
    // 512.
    for (std::size_t i = 0; i < kRows; ++i) __builtin_prefetch(a + (kRows + i) * depth + k);
    step([k](const float* from) noexcept { return V::load(from + k); });
  }
  if (whole < depth) {
    step([whole, depth](const float* from) noexcept { return load_part(from + whole, depth - whole); });
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < kColumns; ++j) out[i * out_row + j] = V::sum(sums[i][j]);
  }
}

template <std::size_t kRows, std::size_t kColumns>
void dots_columns(std::size_t columns, std::size_t depth, const float* a, const float* b, float* out,
                  std::size_t out_row) noexcept {
  if (columns == kColumns) {
    dots_of<kRows, kColumns>(depth, a, b, out, out_row);
  } else if constexpr (kColumns > 1) {
    dots_columns<kRows, kColumns - 1>(columns, depth, a, b, out, out_row);
  }
}

// kRows x kColumns accumulators, kRows + 1 operands: what the registers hold.
template <std::size_t kRows, std::size_t kColumns>
void dots_blocks(std::size_t rows, std::size_t columns, std::size_t depth, const float* a, const float* b,
                 float* out) noexcept {
  std::size_t i = 0;
  for (; i + kRows <= rows; i += kRows) {
    for (std::size_t j = 0; j < columns; j += kColumns) {
      const std::size_t some = columns - j < kColumns ? columns - j : kColumns;
      dots_columns<kRows, kColumns>(some, depth, a + i * depth, b + j * depth, out + i * columns + j,
                                    columns);
    }
  }
  if constexpr (kRows > 1) {
    if (i < rows)
      dots_blocks<kRows - 1, kColumns>(rows - i, columns, depth, a + i * depth, b, out + i * columns);
  }
}

typename V::Type exp_vector(typename V::Type x) noexcept {
  const auto low = V::set(-87.0f);
  const auto clamped = V::min(V::max(x, low), V::set(88.0f));
  const auto n = V::round(V::mul(clamped, V::set(1.44269504088896341f)));
  auto r = V::fma(n, V::set(-0.693359375f), clamped);
  r = V::fma(n, V::set(2.12194440e-4f), r);
  auto p = V::set(1.9875691500e-4f);
  p = V::fma(p, r, V::set(1.3981999507e-3f));
  p = V::fma(p, r, V::set(8.3334519073e-3f));
  p = V::fma(p, r, V::set(4.1665795894e-2f));
  p = V::fma(p, r, V::set(1.6666665459e-1f));
  p = V::fma(p, r, V::set(5.0000001201e-1f));
  p = V::fma(V::mul(p, r), r, V::fma(V::set(1.0f), r, V::set(1.0f)));
  return V::zero_below(x, low, V::scale(p, n));
}

// Works on a padded copy where fewer than a vector are left, so that nothing past the end is read.
template <class Step>
void for_vectors(std::size_t count, Step step) noexcept {
  std::size_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) step(i, V::kWidth);
  if (i < count) step(i, count - i);
}

void store_part(float* to, std::size_t count, typename V::Type value) noexcept {
  float copy[V::kWidth];
  V::store(copy, value);
  std::memcpy(to, copy, count * sizeof(float));
}

double exp_row(const float* in, std::size_t count, float factor, float shift, float* out) noexcept {
  double sum = 0;
  for_vectors(count, [&](std::size_t i, std::size_t n) {
    const auto x = n == V::kWidth ? V::load(in + i) : load_part(in + i, n);
    const auto y = exp_vector(V::fma(x, V::set(factor), V::set(shift)));
    if (n == V::kWidth) {
      V::store(out + i, y);
    } else {
      store_part(out + i, n, y);
    }
    float lanes = 0;
    for (std::size_t j = 0; j < n; ++j) lanes += out[i + j];
    sum += static_cast<double>(lanes);
  });
  return sum;
}

void exp_columns(const float* in, std::size_t count, float factor, const float* shifts, float* out) noexcept {
  for_vectors(count, [&](std::size_t i, std::size_t n) {
    const bool whole = n == V::kWidth;
    const auto x = whole ? V::load(in + i) : load_part(in + i, n);
    const auto s = whole ? V::load(shifts + i) : load_part(shifts + i, n);
    const auto y = exp_vector(V::fma(x, V::set(factor), V::mul(s, V::set(-1.0f))));
    if (whole) {
      V::store(out + i, y);
    } else {
      store_part(out + i, n, y);
    }
  });
}

}  // namespace
}  // namespace diptych::kernels::linear
