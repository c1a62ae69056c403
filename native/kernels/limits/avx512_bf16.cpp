#include <immintrin.h>

#include "kernels/limits/limits.hpp"

namespace diptych::kernels::limits::avx512_bf16 {

double bf16(std::size_t rounds, double& sink) noexcept {
  constexpr std::size_t chains = 16;
  // Zeros as factors: no sum can overflow, and the instruction's rate does not depend on its data.
  const __m512bh zero = reinterpret_cast<__m512bh>(_mm512_setzero_si512());
  __m512 sums[chains];
  for (std::size_t i = 0; i < chains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < chains; ++i) sums[i] = _mm512_dpbf16_ps(sums[i], zero, zero);
  }
  for (const __m512& sum : sums) sink += static_cast<double>(_mm512_cvtss_f32(sum));
  return 2.0 * 32.0 * static_cast<double>(chains) * static_cast<double>(rounds);
}

}  // namespace diptych::kernels::limits::avx512_bf16
