// The loops that training stands on: blocks of a matrix product, and exp over a row.
//
// tile: out[i, j] = sum over k of a[i * a_row + k * a_k] * panel[k * panel_row + j], i < rows <= tile_rows,
// j < width (out's rows are `width` long). float32 FMA in one accumulator per element, so
// |error| <= depth * 2^-24 * sum |a * b|: callers keep depth at 512 and add up longer sums themselves. Reads
// exactly what the formula names.
//
// dots: out[i * columns + j] = sum over k of a[i * depth + k] * b[j * depth + k], i < rows, j < columns. For
// a few columns, which would leave most of a tile empty. float32 FMA, as many accumulators per element as a
// vector has lanes, so |error| <= (depth / lanes + lanes) * 2^-24 * sum |a * b|.
//
// exp_row: out[i] = exp(in[i] * factor + shift), result the sum of out in float64.
// exp_columns: out[i] = exp(in[i] * factor - shifts[i]).
// Relative error below 3e-7 for arguments in [-87, 88]; smaller ones give 0 (below 2e-38), larger ones are
// taken as 88. Cephes' polynomial for e^x, |x| <= ln(2) / 2.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "kernels/cpu_features.hpp"
#include "kernels/dispatch.hpp"

namespace diptych::kernels::linear {

struct Variant {
  std::string_view name;
  Family family;
  CpuFeatures needs;
  std::size_t tile_rows;
  std::size_t width;
  void (*tile)(std::size_t rows, std::size_t depth, const float* a, std::size_t a_row, std::size_t a_k,
               const float* panel, std::size_t panel_row, float* out) noexcept;
  void (*dots)(std::size_t rows, std::size_t columns, std::size_t depth, const float* a, const float* b,
               float* out) noexcept;
  double (*exp_row)(const float* in, std::size_t count, float factor, float shift, float* out) noexcept;
  void (*exp_columns)(const float* in, std::size_t count, float factor, const float* shifts,
                      float* out) noexcept;
};

inline constexpr std::size_t kMostTile = 12 * 32;

[[nodiscard]] std::span<const Variant> variants() noexcept;
[[nodiscard]] const Variant& active();

extern const Variant reference_variant;
#if defined(__x86_64__)
extern const Variant avx2_variant;
extern const Variant avx512_variant;
#elif defined(__aarch64__)
extern const Variant neon_variant;
#endif

}  // namespace diptych::kernels::linear
