// Sixteen float lanes as AVX-512 offers them. Included only by files built with the AVX-512 flags; everything
// is in an unnamed namespace, so that no AVX-512 copy of a function can be linked into code for older CPUs.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace diptych::kernels::simd {
namespace {

struct F16 {
  __m512 v;

  static F16 zero() noexcept { return {_mm512_setzero_ps()}; }
  static F16 all(float x) noexcept { return {_mm512_set1_ps(x)}; }
  static F16 load(const float* p) noexcept { return {_mm512_loadu_ps(p)}; }
  // The first `count` lanes; the others are zero and their memory is not touched.
  static F16 load_first(const float* p, std::size_t count) noexcept {
    return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1u), p)};
  }
  void store(float* p) const noexcept { _mm512_storeu_ps(p, v); }
  void store_first(float* p, std::size_t count) const noexcept {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1u), v);
  }
};

inline F16 operator+(F16 a, F16 b) noexcept { return {_mm512_add_ps(a.v, b.v)}; }
inline F16 operator-(F16 a, F16 b) noexcept { return {_mm512_sub_ps(a.v, b.v)}; }
inline F16 operator*(F16 a, F16 b) noexcept { return {_mm512_mul_ps(a.v, b.v)}; }
inline F16 fma(F16 a, F16 b, F16 c) noexcept { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F16 min(F16 a, F16 b) noexcept { return {_mm512_min_ps(a.v, b.v)}; }
inline F16 max(F16 a, F16 b) noexcept { return {_mm512_max_ps(a.v, b.v)}; }
inline F16 abs(F16 a) noexcept { return {_mm512_abs_ps(a.v)}; }
// Bit i is set where a[i] >= b[i]; never for a NaN.
inline std::uint32_t at_least(F16 a, F16 b) noexcept { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ); }
// The lowest byte of each lane's bits.
inline void store_low_bytes(F16 a, std::int8_t* p) noexcept {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_castps_si512(a.v)));
}
// Rounds to bfloat16, ties to even; finite values only.
inline void store_bfloat16(F16 a, std::uint16_t* p) noexcept {
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
}
inline float largest(F16 a) noexcept { return _mm512_reduce_max_ps(a.v); }
// By halves: lane i and lane i + 8, then + 4, + 2, + 1.
inline float sum(F16 a) noexcept {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// The 32-bit word at `p` (of any alignment) in every lane.
inline __m512i all_words(const std::byte* p) noexcept {
  // Not _mm_loadu_si32: GCC 12 makes a load and inserts of it, on the port that multiplies.
  int word;
  __builtin_memcpy(&word, p, sizeof word);
  return _mm512_set1_epi32(word);
}

// Sixteen 32-bit words, which hold integers, pairs of bfloat16 or four bytes each.
struct W16 {
  __m512i v;

  static W16 zero() noexcept { return {_mm512_setzero_si512()}; }
  static W16 load(const std::byte* p) noexcept { return {_mm512_loadu_si512(p)}; }
  // The word at `p` in every lane.
  static W16 all(const std::byte* p) noexcept { return {all_words(p)}; }
};

// The bfloat16 in the lower or upper half of each word.
inline F16 low_halves(W16 words) noexcept { return {_mm512_castsi512_ps(_mm512_slli_epi32(words.v, 16))}; }
inline F16 high_halves(W16 words) noexcept {
  return {_mm512_castsi512_ps(_mm512_and_si512(words.v, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))};
}
inline F16 to_float(W16 words) noexcept { return {_mm512_cvtepi32_ps(words.v)}; }

// Signed bytes widened to 16 bits, even and odd ones apart.
struct Bytes {
  __m512i even, odd;

  static Bytes of(W16 words) noexcept {
    return {_mm512_srai_epi16(_mm512_slli_epi16(words.v, 8), 8), _mm512_srai_epi16(words.v, 8)};
  }
};
// Adds the four products of each word.
inline W16 add_products(W16 sum, const Bytes& a, const Bytes& b) noexcept {
  const __m512i even = _mm512_add_epi32(sum.v, _mm512_madd_epi16(a.even, b.even));
  return {_mm512_add_epi32(even, _mm512_madd_epi16(a.odd, b.odd))};
}

// Sixteen double lanes, in two registers.
struct D16 {
  __m512d low, high;

  static D16 zero() noexcept { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
  static D16 widen(F16 a) noexcept {
    return {_mm512_cvtps_pd(_mm512_castps512_ps256(a.v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1))};
  }
  void store(double* p) const noexcept {
    _mm512_storeu_pd(p, low);
    _mm512_storeu_pd(p + 8, high);
  }
};

inline D16 operator+(D16 a, D16 b) noexcept {
  return {_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)};
}
inline D16 operator-(D16 a, D16 b) noexcept {
  return {_mm512_sub_pd(a.low, b.low), _mm512_sub_pd(a.high, b.high)};
}
inline D16 operator*(D16 a, D16 b) noexcept {
  return {_mm512_mul_pd(a.low, b.low), _mm512_mul_pd(a.high, b.high)};
}
inline D16 fma(D16 a, D16 b, D16 c) noexcept {
  return {_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)};
}

}  // namespace
}  // namespace diptych::kernels::simd
