// fp32 products of operands that come from the first-level cache, in the proportion in which a tile of the
// similarity kernels loads them: included by one file per instruction set, after its simd header. Whatever
// multiplies matrices loads about as much, so what the loads cost no such program can win back.
#pragma once

#include <cstddef>

namespace diptych::kernels::limits {
namespace {

// R rows by P panels of 16 values: R * P products for R broadcasts and P loads of 16.
template <int R, int P>
double fp32_of_cached(std::size_t rounds, double& sink) noexcept {
  constexpr std::size_t width = 16;
  constexpr std::size_t words = 4096 / (P * width);
  // Zeros: no sum can overflow, and the instructions' rate does not depend on their data.
  alignas(64) static float panels[words * P * width];
  static float rows[R][words];
  // Volatile, or the compiler would see the zeros.
  const float* volatile hidden[] = {panels, rows[0]};
  const float* const panel = hidden[0];
  const float* const row = hidden[1];
  simd::F16 sums[R][P];
  for (auto& sums_of_row : sums) {
    for (simd::F16& sum : sums_of_row) sum = simd::F16::zero();
  }
  for (std::size_t left = rounds; left > 0;) {
    const std::size_t count = left < words ? left : words;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < count; ++k) {
      simd::F16 values[P];
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) values[p] = simd::F16::load(panel + (k * P + p) * width);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const simd::F16 factor = simd::F16::all(row[static_cast<std::size_t>(r) * words + k]);
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) sums[r][p] = simd::fma(factor, values[p], sums[r][p]);
      }
    }
    left -= count;
  }
  for (const auto& sums_of_row : sums) {
    for (const simd::F16& sum : sums_of_row) sink += static_cast<double>(simd::sum(sum));
  }
  return 2.0 * static_cast<double>(width) * R * P * static_cast<double>(rounds);
}

}  // namespace
}  // namespace diptych::kernels::limits
