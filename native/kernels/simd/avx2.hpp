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
// Rounds to bfloat16, ties to even; finite values only.
inline void store_bfloat16(F16 a, std::uint16_t* p) noexcept {
  const auto halves = [](__m256 v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  };
  const __m256i packed = _mm256_packus_epi32(halves(a.low), halves(a.high));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute4x64_epi64(packed, 0xd8));
}
inline float largest(F16 a) noexcept {
  const __m256 eight = _mm256_max_ps(a.low, a.high);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
// By halves: lane i and lane i + 8, then + 4, + 2, + 1.
inline float sum(F16 a) noexcept {
  const __m256 eight = _mm256_add_ps(a.low, a.high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
// The lowest byte of each lane's bits.
inline void store_low_bytes(F16 a, std::int8_t* p) noexcept {
  const __m256i low = _mm256_and_si256(_mm256_castps_si256(a.low), _mm256_set1_epi32(0xff));
  const __m256i high = _mm256_and_si256(_mm256_castps_si256(a.high), _mm256_set1_epi32(0xff));
  const __m256i ordered = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
  const __m128i bytes =
      _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}

// Sixteen 32-bit words, which hold integers, pairs of bfloat16 or four bytes each.
struct W16 {
  __m256i low, high;

  static W16 zero() noexcept { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static W16 load(const std::byte* p) noexcept {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
  }
  // The word at `p` (of any alignment) in every lane.
  static W16 all(const std::byte* p) noexcept {
    int word;
    __builtin_memcpy(&word, p, sizeof word);
    const __m256i v = _mm256_set1_epi32(word);
    return {v, v};
  }
};

// The bfloat16 in the lower or upper half of each word.
inline F16 low_halves(W16 words) noexcept {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(words.low, 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(words.high, 16))};
}
inline F16 high_halves(W16 words) noexcept {
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  return {_mm256_castsi256_ps(_mm256_and_si256(words.low, mask)),
          _mm256_castsi256_ps(_mm256_and_si256(words.high, mask))};
}
inline F16 to_float(W16 words) noexcept {
  return {_mm256_cvtepi32_ps(words.low), _mm256_cvtepi32_ps(words.high)};
}

// Signed bytes widened to 16 bits, even and odd ones apart.
struct Bytes {
  W16 even, odd;

  static __m256i odd_of(__m256i words) noexcept { return _mm256_srai_epi16(words, 8); }
  static __m256i even_of(__m256i words) noexcept { return odd_of(_mm256_slli_epi16(words, 8)); }
  static Bytes of(W16 words) noexcept {
    return {{even_of(words.low), even_of(words.high)}, {odd_of(words.low), odd_of(words.high)}};
  }
};
// Adds the four products of each word.
inline W16 add_products(W16 sum, const Bytes& a, const Bytes& b) noexcept {
  sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(a.even.low, b.even.low));
  sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(a.even.high, b.even.high));
  sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(a.odd.low, b.odd.low));
  sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(a.odd.high, b.odd.high));
  return sum;
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
