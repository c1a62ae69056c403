#include <arm_neon.h>

#include <cstddef>

namespace diptych::kernels::linear {
namespace {

struct V {
  using Type = float32x4_t;
  static constexpr std::size_t kWidth = 4;
  static Type load(const float* p) noexcept { return vld1q_f32(p); }
  static void store(float* p, Type x) noexcept { vst1q_f32(p, x); }
  static Type set(float x) noexcept { return vdupq_n_f32(x); }
  static Type fma(Type a, Type b, Type c) noexcept { return vfmaq_f32(c, a, b); }
  static float sum(Type x) noexcept { return vaddvq_f32(x); }
  static Type mul(Type a, Type b) noexcept { return vmulq_f32(a, b); }
  static Type min(Type a, Type b) noexcept { return vminq_f32(a, b); }
  static Type max(Type a, Type b) noexcept { return vmaxq_f32(a, b); }
  static Type round(Type x) noexcept { return vrndnq_f32(x); }
  static Type scale(Type x, Type power) noexcept {
    const auto bits = vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(power), vdupq_n_s32(127)), 23);
    return vmulq_f32(x, vreinterpretq_f32_s32(bits));
  }
  static Type zero_below(Type x, Type low, Type value) noexcept {
    return vreinterpretq_f32_u32(vandq_u32(vcgeq_f32(x, low), vreinterpretq_u32_f32(value)));
  }
};

}  // namespace
}  // namespace diptych::kernels::linear

#include "kernels/linear/body-inl.hpp"

namespace diptych::kernels::linear {

constinit const Variant neon_variant{"neon",          Family::neon,      CpuFeature::neon, 8,          8,
                                     tile_rows<8, 2>, dots_blocks<4, 5>, exp_row,          exp_columns};

}  // namespace diptych::kernels::linear
