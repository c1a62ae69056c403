#include <immintrin.h>

#include <cstddef>

namespace diptych::kernels::linear {
namespace {

struct V {
  using Type = __m512;
  static constexpr std::size_t kWidth = 16;
  static Type load(const float* p) noexcept { return _mm512_loadu_ps(p); }
  static void store(float* p, Type x) noexcept { _mm512_storeu_ps(p, x); }
  static Type set(float x) noexcept { return _mm512_set1_ps(x); }
  static Type fma(Type a, Type b, Type c) noexcept { return _mm512_fmadd_ps(a, b, c); }
  static float sum(Type x) noexcept { return _mm512_reduce_add_ps(x); }
  static Type mul(Type a, Type b) noexcept { return _mm512_mul_ps(a, b); }
  static Type min(Type a, Type b) noexcept { return _mm512_min_ps(a, b); }
  static Type max(Type a, Type b) noexcept { return _mm512_max_ps(a, b); }
  static Type round(Type x) noexcept {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static Type scale(Type x, Type power) noexcept { return _mm512_scalef_ps(x, power); }
  static Type zero_below(Type x, Type low, Type value) noexcept {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, low, _CMP_GE_OQ), value);
  }
};

}  // namespace
}  // namespace diptych::kernels::linear

#include "kernels/linear/body-inl.hpp"

namespace diptych::kernels::linear {

constinit const Variant avx512_variant{"avx512",         Family::avx512,    needs_avx512, 12,         32,
                                       tile_rows<12, 2>, dots_blocks<4, 5>, exp_row,      exp_columns};

}  // namespace diptych::kernels::linear
