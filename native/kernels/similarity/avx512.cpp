// AVX-512: 32 registers hold 24 accumulators, 4 panel vectors and the broadcast.
#include "kernels/simd/avx512.hpp"

#define DIPTYCH_ROWS_VECTOR
#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/rows-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

struct Fp32 {
  using Acc = F16;
  using Panel = F16;
  static constexpr std::size_t group = 4;
  static constexpr int heights[4] = {12, 12, 8, 6};
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
  static constexpr std::size_t group = 4;
  static constexpr int heights[4] = {12, 8, 6, 4};
  static Halves split(__m512i words) noexcept {
    return {{_mm512_castsi512_ps(_mm512_slli_epi32(words, 16))},
            {_mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xffff0000u))))}};
  }
  static Acc start(const Block&, std::size_t) noexcept { return F16::zero(); }
  static Panel load(const std::byte* p) noexcept { return split(_mm512_load_si512(p)); }
  static Halves broadcast(const std::byte* p) noexcept { return split(simd::all_words(p)); }
  static Acc step(Acc acc, const Halves& a, const Panel& b) noexcept {
    return simd::fma(a.high, b.high, simd::fma(a.low, b.low, acc));
  }
  static F16 to_float(Acc acc) noexcept { return acc; }
};

// Without VNNI: bytes are widened to 16 bits, even and odd ones apart, and multiplied in pairs.
struct Int8 {
  struct Halves {
    __m512i even, odd;
  };
  using Acc = __m512i;
  using Panel = Halves;
  static constexpr std::size_t group = 4;
  static constexpr int heights[4] = {12, 8, 6, 4};
  static Halves split(__m512i words) noexcept {
    return {_mm512_srai_epi16(_mm512_slli_epi16(words, 8), 8), _mm512_srai_epi16(words, 8)};
  }
  static Acc start(const Block&, std::size_t) noexcept { return _mm512_setzero_si512(); }
  static Panel load(const std::byte* p) noexcept { return split(_mm512_load_si512(p)); }
  static Halves broadcast(const std::byte* p) noexcept { return split(simd::all_words(p)); }
  static Acc step(Acc acc, const Halves& a, const Panel& b) noexcept {
    acc = _mm512_add_epi32(acc, _mm512_madd_epi16(a.even, b.even));
    return _mm512_add_epi32(acc, _mm512_madd_epi16(a.odd, b.odd));
  }
  static F16 to_float(Acc acc) noexcept { return {_mm512_cvtepi32_ps(acc)}; }
};

}  // namespace

constinit const Variant avx512_bf16_emulated{
    "avx512", Family::avx512, needs_avx512, filter<Bf16>, dense<Bf16>, Bf16::group, 0};
constinit const Variant avx512_int8{
    "avx512", Family::avx512, needs_avx512, filter<Int8>, dense<Int8>, Int8::group, 0};
constinit const Variant avx512_fp32{
    "avx512", Family::avx512, needs_avx512, filter<Fp32>, dense<Fp32>, Fp32::group, 0};
constinit const RowVariant avx512_rows{"avx512", Family::avx512, needs_avx512, dot_exact,
                                       dot_fast, sum_squares,    quantise};

}  // namespace diptych::kernels::similarity
