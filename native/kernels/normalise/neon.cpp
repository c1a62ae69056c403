#include <arm_neon.h>

#include "kernels/normalise/kernel.hpp"

namespace diptych::kernels::normalise {
namespace {

struct Wide {
  using Float = float32x4_t;
  struct Pixels {
    uint8x8x3_t bytes;
  };
  static constexpr std::size_t kPixels = 4;

  static Pixels load(const std::uint8_t* p) noexcept {
    return {vld3_u8(p)};
  }  // 8 pixels, of which 4 are used
  template <int kChannel>
  static Float channel(const Pixels& pixels) noexcept {
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(pixels.bytes.val[kChannel]))));
  }
  static Float set1(float value) noexcept { return vdupq_n_f32(value); }
  static Float multiply(Float a, Float b) noexcept { return vmulq_f32(a, b); }
  static Float subtract(Float a, Float b) noexcept { return vsubq_f32(a, b); }
  static Float multiply_add(Float a, Float b, Float c) noexcept { return vfmaq_f32(c, a, b); }
  static Float negative_multiply_add(Float a, Float b, Float c) noexcept { return vfmsq_f32(c, a, b); }
  static void store(float* p, Float value) noexcept { vst1q_f32(p, value); }
  static void stream(float* p, Float value) noexcept { store(p, value); }
  static void drain() noexcept {}
  static void store_float16(std::uint16_t* p, Float value) noexcept {
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(value)));
  }
  static void store_bfloat16(std::uint16_t* p, Float value) noexcept {
    const uint32x4_t bits = vreinterpretq_u32_f32(value);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    vst1_u16(p, vshrn_n_u32(vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd), 16));
  }
};

#include "kernels/normalise/lookup-inl.hpp"

#include "kernels/normalise/body-inl.hpp"

}  // namespace

constinit const Variant neon{"neon", Family::neon, CpuFeature::neon, run};

}  // namespace diptych::kernels::normalise
