// Sixteen float lanes as AVX2 offers them: two registers. Included only by files built with the AVX2 flags;
// everything is in an unnamed namespace (see avx512.hpp).
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace diptych::kernels::simd {
namespace {

// All ones in the first `count` (0 to 8) of eight lanes.
inline __m256i first_lanes(std::size_t count) noexcept {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lane);
}

struct F16 {
  __m256 low, high;

  static F16 zero() noexcept { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F16 all(float x) noexcept {
    const __m256 v = _mm256_set1_ps(x);
    return {v, v};
  }
  static F16 load(const float* p) noexcept { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  // The first `count` lanes; the others are zero and their memory is not touched.
  static F16 load_first(const float* p, std::size_t count) noexcept {
    return {_mm256_maskload_ps(p, first_lanes(count)),
            count > 8 ? _mm256_maskload_ps(p + 8, first_lanes(count - 8)) : _mm256_setzero_ps()};
  }
  void store(float* p) const noexcept {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }
  void store_first(float* p, std::size_t count) const noexcept {
    _mm256_maskstore_ps(p, first_lanes(count), low);
    if (count > 8) _mm256_maskstore_ps(p + 8, first_lanes(count - 8), high);
  }
};

inline F16 operator+(F16 a, F16 b) noexcept {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline F16 operator-(F16 a, F16 b) noexcept {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline F16 operator*(F16 a, F16 b) noexcept {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline F16 fma(F16 a, F16 b, F16 c) noexcept {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline F16 min(F16 a, F16 b) noexcept { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
inline F16 max(F16 a, F16 b) noexcept { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline F16 abs(F16 a) noexcept {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
// Bit i is set where a[i] >= b[i]; never for a NaN.
inline std::uint32_t at_least(F16 a, F16 b) noexcept {
  const int low = _mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GE_OQ));
  const int high = _mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GE_OQ));
  return static_cast<std::uint32_t>(low) | (static_cast<std::uint32_t>(high) << 8);
}
inline F16 round(F16 a) noexcept {
  constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.low, mode), _mm256_round_ps(a.high, mode)};
}
// Rounds to the nearest integer, ties to even, and narrows; |a| must be below 128.
inline void store_int8(F16 a, std::int8_t* p) noexcept {
  const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
  const __m128i bytes =
      _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}

// Eight 32-bit words at `p`.
inline __m256i half_words(const std::byte* p) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
// The 32-bit word at `p` (of any alignment) in every lane.
inline __m256i all_words(const std::byte* p) noexcept {
  return _mm256_set1_epi32(_mm_cvtsi128_si32(_mm_loadu_si32(p)));
}

// Sixteen double lanes, in four registers.
struct D16 {
  __m256d v[4];

  static D16 zero() noexcept {
    const __m256d z = _mm256_setzero_pd();
    return {{z, z, z, z}};
  }
  static D16 widen(F16 a) noexcept {
    return {{_mm256_cvtps_pd(_mm256_castps256_ps128(a.low)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.low, 1)),
             _mm256_cvtps_pd(_mm256_castps256_ps128(a.high)),
             _mm256_cvtps_pd(_mm256_extractf128_ps(a.high, 1))}};
  }
  void store(double* p) const noexcept {
    for (int i = 0; i < 4; ++i) _mm256_storeu_pd(p + 4 * i, v[i]);
  }
};

inline D16 operator+(D16 a, D16 b) noexcept {
  return {{_mm256_add_pd(a.v[0], b.v[0]), _mm256_add_pd(a.v[1], b.v[1]), _mm256_add_pd(a.v[2], b.v[2]),
           _mm256_add_pd(a.v[3], b.v[3])}};
}
inline D16 operator-(D16 a, D16 b) noexcept {
  return {{_mm256_sub_pd(a.v[0], b.v[0]), _mm256_sub_pd(a.v[1], b.v[1]), _mm256_sub_pd(a.v[2], b.v[2]),
           _mm256_sub_pd(a.v[3], b.v[3])}};
}
inline D16 operator*(D16 a, D16 b) noexcept {
  return {{_mm256_mul_pd(a.v[0], b.v[0]), _mm256_mul_pd(a.v[1], b.v[1]), _mm256_mul_pd(a.v[2], b.v[2]),
           _mm256_mul_pd(a.v[3], b.v[3])}};
}
inline D16 fma(D16 a, D16 b, D16 c) noexcept {
  return {{_mm256_fmadd_pd(a.v[0], b.v[0], c.v[0]), _mm256_fmadd_pd(a.v[1], b.v[1], c.v[1]),
           _mm256_fmadd_pd(a.v[2], b.v[2], c.v[2]), _mm256_fmadd_pd(a.v[3], b.v[3], c.v[3])}};
}

}  // namespace
}  // namespace diptych::kernels::simd
