#include <immintrin.h>

#include "kernels/limits/limits.hpp"

namespace diptych::kernels::limits::avx512_vnni {

double int8(std::size_t rounds, double& sink) noexcept {
  constexpr std::size_t chains = 16;
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(1);
  __m512i sums[chains];
  for (std::size_t i = 0; i < chains; ++i) sums[i] = _mm512_set1_epi32(static_cast<int>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < chains; ++i) {
      // As assembly: with the intrinsic GCC 12 copies the sums around every product.
      __m512i sum = sums[i];
      __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
      sums[i] = sum;
    }
  }
  for (const __m512i& sum : sums) {
    // Through memory: GCC 12 takes the cast to 128 bits for a use of something uninitialised.
    alignas(64) std::int32_t words[16];
    _mm512_store_si512(words, sum);
    sink += static_cast<double>(words[0]);
  }
  return 2.0 * 64.0 * static_cast<double>(chains) * static_cast<double>(rounds);
}

}  // namespace diptych::kernels::limits::avx512_vnni
