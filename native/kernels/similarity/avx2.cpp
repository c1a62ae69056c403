// AVX2: 16 registers hold 6 rows x 2 halves of a panel, the panel and the broadcast.
#include "kernels/simd/avx2.hpp"

#define DIPTYCH_ROWS_VECTOR
#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/rows-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

struct Fp32 {
  using Acc = F16;
  using Panel = F16;
  static constexpr std::size_t group = 1;
  static constexpr int heights[4] = {6, 0, 0, 0};
  static Acc start(const Block&, std::size_t) noexcept { return F16::zero(); }
  static Panel load(const std::byte* p) noexcept { return F16::load(reinterpret_cast<const float*>(p)); }
  static F16 broadcast(const std::byte* p) noexcept { return F16::all(*reinterpret_cast<const float*>(p)); }
  static Acc step(Acc acc, F16 a, Panel b) noexcept { return simd::fma(a, b, acc); }
  static F16 to_float(Acc acc) noexcept { return acc; }
};

// Products of bfloat16 are exact in float: low halves first, then high halves.
struct Bf16 {
  struct Halves {
    F16 low, high;
  };
  using Acc = F16;
  using Panel = Halves;
  static constexpr std::size_t group = 1;
  static constexpr int heights[4] = {4, 0, 0, 0};
  static __m256 low_of(__m256i words) noexcept { return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)); }
  static __m256 high_of(__m256i words) noexcept {
    return _mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
  }
  static Acc start(const Block&, std::size_t) noexcept { return F16::zero(); }
  static Panel load(const std::byte* p) noexcept {
    const __m256i a = simd::half_words(p);
    const __m256i b = simd::half_words(p + 32);
    return {{low_of(a), low_of(b)}, {high_of(a), high_of(b)}};
  }
  static Halves broadcast(const std::byte* p) noexcept {
    const __m256i words = simd::all_words(p);
    return {{low_of(words), low_of(words)}, {high_of(words), high_of(words)}};
  }
  static Acc step(Acc acc, const Halves& a, const Panel& b) noexcept {
    return simd::fma(a.high, b.high, simd::fma(a.low, b.low, acc));
  }
  static F16 to_float(Acc acc) noexcept { return acc; }
};

// Bytes are widened to 16 bits, even and odd ones apart, and multiplied in pairs.
struct Int8 {
  struct Row {
    __m256i even, odd;
  };
  struct Halves {
    __m256i even[2], odd[2];
  };
  struct Sums {
    __m256i v[2];
  };
  using Acc = Sums;
  using Panel = Halves;
  static constexpr std::size_t group = 1;
  static constexpr int heights[4] = {4, 0, 0, 0};
  static __m256i even_of(__m256i words) noexcept { return _mm256_srai_epi16(_mm256_slli_epi16(words, 8), 8); }
  static __m256i odd_of(__m256i words) noexcept { return _mm256_srai_epi16(words, 8); }
  static Acc start(const Block&, std::size_t) noexcept {
    return {{_mm256_setzero_si256(), _mm256_setzero_si256()}};
  }
  static Panel load(const std::byte* p) noexcept {
    const __m256i a = simd::half_words(p);
    const __m256i b = simd::half_words(p + 32);
    return {{even_of(a), even_of(b)}, {odd_of(a), odd_of(b)}};
  }
  static Row broadcast(const std::byte* p) noexcept {
    const __m256i words = simd::all_words(p);
    return {even_of(words), odd_of(words)};
  }
  static Acc step(Acc acc, const Row& a, const Panel& b) noexcept {
    for (int i = 0; i < 2; ++i) {
      acc.v[i] = _mm256_add_epi32(acc.v[i], _mm256_madd_epi16(a.even, b.even[i]));
      acc.v[i] = _mm256_add_epi32(acc.v[i], _mm256_madd_epi16(a.odd, b.odd[i]));
    }
    return acc;
  }
  static F16 to_float(Acc acc) noexcept {
    return {_mm256_cvtepi32_ps(acc.v[0]), _mm256_cvtepi32_ps(acc.v[1])};
  }
};

}  // namespace

constinit const Variant avx2_bf16{"avx2",      Family::avx2, needs_avx2, filter<Bf16>,
                                  dense<Bf16>, Bf16::group,  0};
constinit const Variant avx2_int8{"avx2",      Family::avx2, needs_avx2, filter<Int8>,
                                  dense<Int8>, Int8::group,  0};
constinit const Variant avx2_fp32{"avx2",      Family::avx2, needs_avx2, filter<Fp32>,
                                  dense<Fp32>, Fp32::group,  0};
constinit const RowVariant avx2_rows{"avx2",   Family::avx2, needs_avx2, dot_exact,
                                     dot_fast, sum_squares,  quantise};

}  // namespace diptych::kernels::similarity
