#include <immintrin.h>

#include "kernels/limits/limits.hpp"
#include "kernels/simd/avx2.hpp"

#include "kernels/limits/from-cache-inl.hpp"

namespace diptych::kernels::limits::avx2 {
namespace {

// Latency 4 on two ports asks for 8 chains; 12 leaves room, within 16 registers.
constexpr std::size_t chains = 12;

}  // namespace

double fp32(std::size_t rounds, double& sink) noexcept {
  const __m256 factor = _mm256_set1_ps(0.5f);
  const __m256 term = _mm256_set1_ps(1.0f);
  __m256 sums[chains];
  for (std::size_t i = 0; i < chains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (std::size_t i = 0; i < chains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, term);
  }
  for (const __m256& sum : sums) sink += static_cast<double>(_mm256_cvtss_f32(sum));
  return 2.0 * 8.0 * static_cast<double>(chains) * static_cast<double>(rounds);
}

// Without VNNI a product of bytes takes three instructions; this is their best rate.
double int8(std::size_t rounds, double& sink) noexcept {
  constexpr std::size_t sets = 6;
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i values = _mm256_set1_epi8(3);
  __m256i sums[sets];
  for (std::size_t i = 0; i < sets; ++i) sums[i] = _mm256_set1_epi32(static_cast<int>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
    // The product must be seen as new in each round, or it is computed once before the loop.
    asm volatile("" : "+x"(values));
#pragma GCC unroll 6
    for (std::size_t i = 0; i < sets; ++i) {
      const __m256i pairs = _mm256_maddubs_epi16(values, _mm256_add_epi8(values, sums[i]));
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
    }
  }
  for (const __m256i& sum : sums) sink += static_cast<double>(_mm256_extract_epi32(sum, 0));
  return 2.0 * 32.0 * static_cast<double>(sets) * static_cast<double>(rounds);
}

double fp32_from_cache(std::size_t rounds, double& sink) noexcept {
  return fp32_of_cached<6, 1>(rounds, sink);
}

void read(const std::byte* bytes, std::size_t size, double& sink) noexcept {
  constexpr std::size_t width = 32;
  __m256i sums[8] = {};
  for (std::size_t at = 0; at < size; at += 8 * width) {
    const auto* from = reinterpret_cast<const __m256i*>(bytes + at);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) sums[i] = _mm256_add_epi64(sums[i], _mm256_load_si256(from + i));
  }
  for (const __m256i& sum : sums) sink += static_cast<double>(_mm256_extract_epi64(sum, 0));
}

}  // namespace diptych::kernels::limits::avx2
