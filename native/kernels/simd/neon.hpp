// Sixteen float lanes as NEON offers them: four registers. Included only by files built for AArch64;
// everything is in an unnamed namespace (see avx512.hpp).
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace diptych::kernels::simd {
namespace {

struct F16 {
  float32x4_t v[4];

  static F16 zero() noexcept { return all(0); }
  static F16 all(float x) noexcept {
    const float32x4_t v = vdupq_n_f32(x);
    return {{v, v, v, v}};
  }
  static F16 load(const float* p) noexcept {
    return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
  }
  // The first `count` lanes; the others are zero and their memory is not touched.
  static F16 load_first(const float* p, std::size_t count) noexcept {
    float lanes[16] = {};
    __builtin_memcpy(lanes, p, count * sizeof(float));
    return load(lanes);
  }
  void store(float* p) const noexcept {
    for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, v[i]);
  }
  void store_first(float* p, std::size_t count) const noexcept {
    float lanes[16];
    store(lanes);
    __builtin_memcpy(p, lanes, count * sizeof(float));
  }
};

// One operation on each of the four registers.
template <class Operation>
[[gnu::always_inline]] inline F16 each(Operation operation) noexcept {
  return {{operation(0), operation(1), operation(2), operation(3)}};
}

inline F16 operator+(F16 a, F16 b) noexcept {
  return each([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
}
inline F16 operator-(F16 a, F16 b) noexcept {
  return each([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
}
inline F16 operator*(F16 a, F16 b) noexcept {
  return each([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
}
inline F16 fma(F16 a, F16 b, F16 c) noexcept {
  return each([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
}
inline F16 min(F16 a, F16 b) noexcept {
  return each([&](int i) { return vminq_f32(a.v[i], b.v[i]); });
}
inline F16 max(F16 a, F16 b) noexcept {
  return each([&](int i) { return vmaxq_f32(a.v[i], b.v[i]); });
}
inline F16 abs(F16 a) noexcept {
  return each([&](int i) { return vabsq_f32(a.v[i]); });
}
inline float largest(F16 a) noexcept {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.v[0], a.v[1]), vmaxq_f32(a.v[2], a.v[3])));
}
// By halves: lane i and lane i + 8, then + 4, + 2, + 1.
inline float sum(F16 a) noexcept {
  const float32x4_t four = vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
// Bit i is set where a[i] >= b[i]; never for a NaN.
inline std::uint32_t at_least(F16 a, F16 b) noexcept {
  const std::uint32_t weights[4] = {1, 2, 4, 8};
  const uint32x4_t weight = vld1q_u32(weights);
  std::uint32_t mask = 0;
  for (int i = 0; i < 4; ++i) mask |= vaddvq_u32(vandq_u32(vcgeq_f32(a.v[i], b.v[i]), weight)) << (4 * i);
  return mask;
}
// The lowest byte of each lane's bits.
inline void store_low_bytes(F16 a, std::int8_t* p) noexcept {
  const auto words = [&](int i) { return vmovn_s32(vreinterpretq_s32_f32(a.v[i])); };
  vst1_s8(p, vmovn_s16(vcombine_s16(words(0), words(1))));
  vst1_s8(p + 8, vmovn_s16(vcombine_s16(words(2), words(3))));
}
// Rounds to bfloat16, ties to even; finite values only.
inline void store_bfloat16(F16 a, std::uint16_t* p) noexcept {
  for (int i = 0; i < 4; ++i) {
    const uint32x4_t bits = vreinterpretq_u32_f32(a.v[i]);
    const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    vst1_u16(p + 4 * i, vshrn_n_u32(rounded, 16));
  }
}

// The 32-bit word at `p` (of any alignment) in every lane.
inline int32x4_t all_words(const std::byte* p) noexcept {
  std::int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return vdupq_n_s32(word);
}

// Sixteen 32-bit words, which hold integers, pairs of bfloat16 or four bytes each.
struct W16 {
  int32x4_t v[4];

  static W16 zero() noexcept {
    const int32x4_t z = vdupq_n_s32(0);
    return {{z, z, z, z}};
  }
  static W16 load(const std::byte* p) noexcept {
    const auto* const words = reinterpret_cast<const std::int8_t*>(p);
    const auto at = [&](int i) { return vreinterpretq_s32_s8(vld1q_s8(words + 16 * i)); };
    return {{at(0), at(1), at(2), at(3)}};
  }
  static W16 all(const std::byte* p) noexcept {
    const int32x4_t word = all_words(p);
    return {{word, word, word, word}};
  }
};

// The bfloat16 in the lower or upper half of each word.
inline F16 low_halves(W16 words) noexcept {
  return each([&](int i) { return vreinterpretq_f32_s32(vshlq_n_s32(words.v[i], 16)); });
}
inline F16 high_halves(W16 words) noexcept {
  const int32x4_t mask = vdupq_n_s32(static_cast<std::int32_t>(0xffff0000u));
  return each([&](int i) { return vreinterpretq_f32_s32(vandq_s32(words.v[i], mask)); });
}
inline F16 to_float(W16 words) noexcept {
  return each([&](int i) { return vcvtq_f32_s32(words.v[i]); });
}

// Signed bytes as they are: NEON multiplies them to 16 bits by itself.
struct Bytes {
  W16 words;
  static Bytes of(W16 words) noexcept { return {words}; }
};
// Adds the four products of each word.
inline W16 add_products(W16 sum, const Bytes& a, const Bytes& b) noexcept {
  for (int i = 0; i < 4; ++i) {
    const int8x16_t x = vreinterpretq_s8_s32(a.words.v[i]);
    const int8x16_t y = vreinterpretq_s8_s32(b.words.v[i]);
    const int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    const int32x4_t high = vpaddlq_s16(vmull_high_s8(x, y));
    sum.v[i] = vaddq_s32(sum.v[i], vpaddq_s32(low, high));
  }
  return sum;
}

// Sixteen double lanes, in eight registers.
struct D16 {
  float64x2_t v[8];

  static D16 zero() noexcept {
    const float64x2_t z = vdupq_n_f64(0);
    return {{z, z, z, z, z, z, z, z}};
  }
  static D16 widen(F16 a) noexcept {
    D16 wide;
    for (int i = 0; i < 4; ++i) {
      wide.v[2 * i] = vcvt_f64_f32(vget_low_f32(a.v[i]));
      wide.v[2 * i + 1] = vcvt_high_f64_f32(a.v[i]);
    }
    return wide;
  }
  void store(double* p) const noexcept {
    for (int i = 0; i < 8; ++i) vst1q_f64(p + 2 * i, v[i]);
  }
};

inline D16 operator+(D16 a, const D16& b) noexcept {
  for (int i = 0; i < 8; ++i) a.v[i] = vaddq_f64(a.v[i], b.v[i]);
  return a;
}
inline D16 operator-(D16 a, const D16& b) noexcept {
  for (int i = 0; i < 8; ++i) a.v[i] = vsubq_f64(a.v[i], b.v[i]);
  return a;
}
inline D16 operator*(D16 a, const D16& b) noexcept {
  for (int i = 0; i < 8; ++i) a.v[i] = vmulq_f64(a.v[i], b.v[i]);
  return a;
}
inline D16 fma(const D16& a, const D16& b, D16 c) noexcept {
  for (int i = 0; i < 8; ++i) c.v[i] = vfmaq_f64(c.v[i], a.v[i], b.v[i]);
  return c;
}

}  // namespace
}  // namespace diptych::kernels::simd
