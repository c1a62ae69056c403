#include <immintrin.h>

#include <cstddef>

namespace diptych::kernels::linear {
namespace {

struct V {
  using Type = __m256;
  static constexpr std::size_t kWidth = 8;
  static Type load(const float* p) noexcept { return _mm256_loadu_ps(p); }
  static void store(float* p, Type x) noexcept { _mm256_storeu_ps(p, x); }
  static Type set(float x) noexcept { return _mm256_set1_ps(x); }
  static Type fma(Type a, Type b, Type c) noexcept { return _mm256_fmadd_ps(a, b, c); }
  static float sum(Type x) noexcept {
    const auto four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    const auto two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
  static Type mul(Type a, Type b) noexcept { return _mm256_mul_ps(a, b); }
  static Type min(Type a, Type b) noexcept { return _mm256_min_ps(a, b); }
  static Type max(Type a, Type b) noexcept { return _mm256_max_ps(a, b); }
  static Type round(Type x) noexcept {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Type scale(Type x, Type power) noexcept {
    const auto bits =
        _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(x, _mm256_castsi256_ps(bits));
  }
  static Type zero_below(Type x, Type low, Type value) noexcept {
    return _mm256_and_ps(_mm256_cmp_ps(x, low, _CMP_GE_OQ), value);
  }
};

}  // namespace
}  // namespace diptych::kernels::linear

#include "kernels/linear/body-inl.hpp"

namespace diptych::kernels::linear {

constinit const Variant avx2_variant{"avx2",          Family::avx2,      needs_avx2, 6,          16,
                                     tile_rows<6, 2>, dots_blocks<3, 4>, exp_row,    exp_columns};

}  // namespace diptych::kernels::linear
