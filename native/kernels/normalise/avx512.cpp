// Compiled with AVX-512 flags: nothing with external linkage but the table entry, no std algorithms.
#include <immintrin.h>

#include "kernels/normalise/kernel.hpp"

namespace diptych::kernels::normalise {
namespace {

struct Wide {
  using Float = __m512;
  using Pixels = __m512i;  // 4 pixels (12 bytes, then 4 not used) in each quarter
  static constexpr std::size_t kPixels = 16;

  static Pixels load(const std::uint8_t* p) noexcept {
    // Dwords 0-2, 3-5, 6-8 and 9-11 to the four quarters; the fourth dword of each is never looked at.
    const __m512i spread = _mm512_setr_epi32(0, 1, 2, 0, 3, 4, 5, 0, 6, 7, 8, 0, 9, 10, 11, 0);
    return _mm512_permutexvar_epi32(spread, _mm512_loadu_si512(p));
  }
  template <int kChannel>
  static Float channel(Pixels pixels) noexcept {
    const __m128i quarter = _mm_setr_epi8(kChannel, -1, -1, -1, kChannel + 3, -1, -1, -1, kChannel + 6, -1,
                                          -1, -1, kChannel + 9, -1, -1, -1);
    return _mm512_cvtepi32_ps(_mm512_shuffle_epi8(pixels, _mm512_broadcast_i32x4(quarter)));
  }
  static Float set1(float value) noexcept { return _mm512_set1_ps(value); }
  static Float multiply(Float a, Float b) noexcept { return _mm512_mul_ps(a, b); }
  static Float subtract(Float a, Float b) noexcept { return _mm512_sub_ps(a, b); }
  static Float multiply_add(Float a, Float b, Float c) noexcept { return _mm512_fmadd_ps(a, b, c); }
  static Float negative_multiply_add(Float a, Float b, Float c) noexcept { return _mm512_fnmadd_ps(a, b, c); }
  static void store(float* p, Float value) noexcept { _mm512_storeu_ps(p, value); }
  static void stream(float* p, Float value) noexcept { _mm512_stream_ps(p, value); }
  static void drain() noexcept { _mm_sfence(); }
  static void store_float16(std::uint16_t* p, Float value) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                        _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static void store_bfloat16(std::uint16_t* p, Float value) noexcept {
    const __m512i bits = _mm512_castps_si512(value);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i top =
        _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd), 16);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(top));
  }
};

#include "kernels/normalise/lookup-inl.hpp"

#include "kernels/normalise/body-inl.hpp"

}  // namespace

constinit const Variant avx512{"avx512", Family::avx512, needs_avx512, run};

}  // namespace diptych::kernels::normalise
