#include <immintrin.h>

#include "kernels/limits/limits.hpp"
#include "kernels/simd/avx512.hpp"

#include "kernels/limits/from-cache-inl.hpp"

namespace diptych::kernels::limits::avx512 {

double fp32(std::size_t rounds, double& sink) noexcept {
  constexpr std::size_t chains = 16;
  const __m512 factor = _mm512_set1_ps(0.5f);
  const __m512 term = _mm512_set1_ps(1.0f);
  __m512 sums[chains];
  for (std::size_t i = 0; i < chains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < chains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], factor, term);
  }
  for (const __m512& sum : sums) sink += static_cast<double>(_mm512_cvtss_f32(sum));
  return 2.0 * 16.0 * static_cast<double>(chains) * static_cast<double>(rounds);
}

double fp32_from_cache(std::size_t rounds, double& sink) noexcept {
  return fp32_of_cached<6, 4>(rounds, sink);
}

void read(const std::byte* bytes, std::size_t size, double& sink) noexcept {
  constexpr std::size_t width = 64;
  __m512i sums[8] = {};
  for (std::size_t at = 0; at < size; at += 8 * width) {
    const auto* from = bytes + at;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) {
      sums[i] = _mm512_add_epi64(sums[i], _mm512_load_si512(from + i * width));
    }
  }
  for (const __m512i& sum : sums) {
    // Through memory: GCC 12 takes the cast to 128 bits for a use of something uninitialised.
    alignas(64) std::uint64_t words[8];
    _mm512_store_si512(words, sum);
    sink += static_cast<double>(words[0]);
  }
}

}  // namespace diptych::kernels::limits::avx512
