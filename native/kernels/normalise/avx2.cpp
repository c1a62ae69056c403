// Compiled with AVX2 flags: nothing with external linkage but the table entry, no std algorithms.
#include <immintrin.h>

#include "kernels/normalise/kernel.hpp"

namespace diptych::kernels::normalise {
namespace {

struct Wide {
  using Float = __m256;
  using Pixels = __m256i;  // 4 pixels (12 bytes, then 4 not used) in each half
  static constexpr std::size_t kPixels = 8;

  static Pixels load(const std::uint8_t* p) noexcept {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 12));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  template <int kChannel>
  static Float channel(Pixels pixels) noexcept {
    const __m128i half = _mm_setr_epi8(kChannel, -1, -1, -1, kChannel + 3, -1, -1, -1, kChannel + 6, -1, -1,
                                       -1, kChannel + 9, -1, -1, -1);
    return _mm256_cvtepi32_ps(_mm256_shuffle_epi8(pixels, _mm256_broadcastsi128_si256(half)));
  }
  static Float set1(float value) noexcept { return _mm256_set1_ps(value); }
  static Float multiply(Float a, Float b) noexcept { return _mm256_mul_ps(a, b); }
  static Float subtract(Float a, Float b) noexcept { return _mm256_sub_ps(a, b); }
  static Float multiply_add(Float a, Float b, Float c) noexcept { return _mm256_fmadd_ps(a, b, c); }
  static Float negative_multiply_add(Float a, Float b, Float c) noexcept { return _mm256_fnmadd_ps(a, b, c); }
  static void store(float* p, Float value) noexcept { _mm256_storeu_ps(p, value); }
  static void stream(float* p, Float value) noexcept { _mm256_stream_ps(p, value); }
  static void drain() noexcept { _mm_sfence(); }
  static void store_float16(std::uint16_t* p, Float value) noexcept {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static void store_bfloat16(std::uint16_t* p, Float value) noexcept {
    const __m256i bits = _mm256_castps_si256(value);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i top =
        _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd), 16);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packus_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1)));
  }
};

#include "kernels/normalise/lookup-inl.hpp"

#include "kernels/normalise/body-inl.hpp"

}  // namespace

constinit const Variant avx2{"avx2", Family::avx2, needs_avx2, run};

}  // namespace diptych::kernels::normalise
