// AArch64. One row at a time; a lane of the sums is a channel, and each tap is one multiply-add of 32 bits.
#include <arm_neon.h>

#include <cstring>

#include "kernels/resize/kernel.hpp"

namespace diptych::kernels::resize {
namespace {

std::size_t packed_size(const Taps& taps, std::size_t) noexcept {
  return taps.outputs * ((taps.stride + 3) / 4 * 4) * sizeof(std::int32_t);
}

// Four taps at a time, padded with zeros.
void pack_horizontal(const Taps& taps, std::size_t, std::byte* packed) noexcept {
  auto* out = reinterpret_cast<std::int32_t*>(packed);
  const std::size_t padded = (taps.stride + 3) / 4 * 4;
  for (std::size_t i = 0; i < taps.outputs; ++i) {
    for (std::size_t tap = 0; tap < padded; ++tap) {
      *out++ = tap < taps.stride ? taps.coefficients[i * taps.stride + tap] : 0;
    }
  }
}

// Bytes of tap t of a 16-byte load as four 32-bit numbers, one per channel; 255 gives zero.
alignas(16) constexpr std::uint8_t kSpread[4][4][16] = {
#define TAP(a, b, c, d) \
  { a, 255, 255, 255, b, 255, 255, 255, c, 255, 255, 255, d, 255, 255, 255 }
    {TAP(0, 255, 255, 255), TAP(1, 255, 255, 255), TAP(2, 255, 255, 255), TAP(3, 255, 255, 255)},
    {TAP(0, 1, 255, 255), TAP(2, 3, 255, 255), TAP(4, 5, 255, 255), TAP(6, 7, 255, 255)},
    {TAP(0, 1, 2, 255), TAP(3, 4, 5, 255), TAP(6, 7, 8, 255), TAP(9, 10, 11, 255)},
    {TAP(0, 1, 2, 3), TAP(4, 5, 6, 7), TAP(8, 9, 10, 11), TAP(12, 13, 14, 15)},
#undef TAP
};

int32x4_t spread(uint8x16_t bytes, const std::uint8_t* pattern) noexcept {
  return vreinterpretq_s32_u8(vqtbl1q_u8(bytes, vld1q_u8(pattern)));
}

void horizontal(const Horizontal& work) noexcept {
  const std::size_t channels = work.channels;
  const std::size_t padded = (work.taps.stride + 3) / 4 * 4;
  const auto* const packed = reinterpret_cast<const std::int32_t*>(work.packed);
  const auto& patterns = kSpread[channels - 1];
  for (std::size_t row = 0; row < work.rows; ++row) {
    const std::uint8_t* const source = work.source + row * work.source_stride;
    std::uint8_t* const target = work.target + row * work.target_stride;
    for (std::size_t out = 0; out < work.taps.outputs; ++out) {
      const std::uint8_t* pixels = source + static_cast<std::size_t>(work.taps.first[out]) * channels;
      const std::int32_t* weights = packed + out * padded;
      const auto steps = (static_cast<std::size_t>(work.taps.counts[out]) + 3) / 4;
      int32x4_t even = vdupq_n_s32(1 << (kPrecisionBits - 1));
      int32x4_t odd = vdupq_n_s32(0);
      for (std::size_t step = 0; step < steps; ++step) {
        const uint8x16_t bytes = vld1q_u8(pixels);
        const int32x4_t four = vld1q_s32(weights);
        even = vmlaq_laneq_s32(even, spread(bytes, patterns[0]), four, 0);
        odd = vmlaq_laneq_s32(odd, spread(bytes, patterns[1]), four, 1);
        even = vmlaq_laneq_s32(even, spread(bytes, patterns[2]), four, 2);
        odd = vmlaq_laneq_s32(odd, spread(bytes, patterns[3]), four, 3);
        pixels += 4 * channels;
        weights += 4;
      }
      const int32x4_t sum = vshrq_n_s32(vaddq_s32(even, odd), kPrecisionBits);
      const uint16x4_t words = vqmovun_s32(sum);
      const std::uint32_t pixel =
          vget_lane_u32(vreinterpret_u32_u8(vqmovn_u16(vcombine_u16(words, words))), 0);
      std::memcpy(target + out * channels, &pixel, 4);
    }
  }
}

void vertical(const Vertical& work) noexcept {
  for (std::size_t out = 0; out < work.taps.outputs; ++out) {
    const std::int32_t* const weights = work.taps.coefficients + out * work.taps.stride;
    const auto count = static_cast<std::size_t>(work.taps.counts[out]);
    const std::uint8_t* const first =
        work.source + static_cast<std::size_t>(work.taps.first[out]) * work.source_stride;
    std::uint8_t* const target = work.target + out * work.target_stride;
    for (std::size_t x = 0; x < work.bytes; x += 16) {
      const std::uint8_t* source = first + x;
      int32x4_t sums[4];
      for (auto& sum : sums) sum = vdupq_n_s32(1 << (kPrecisionBits - 1));
      for (std::size_t tap = 0; tap < count; ++tap) {
        const uint8x16_t bytes = vld1q_u8(source);
        const uint16x8_t low = vmovl_u8(vget_low_u8(bytes));
        const uint16x8_t high = vmovl_high_u8(bytes);
        const std::int32_t weight = weights[tap];
        sums[0] = vmlaq_n_s32(sums[0], vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), weight);
        sums[1] = vmlaq_n_s32(sums[1], vreinterpretq_s32_u32(vmovl_high_u16(low)), weight);
        sums[2] = vmlaq_n_s32(sums[2], vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))), weight);
        sums[3] = vmlaq_n_s32(sums[3], vreinterpretq_s32_u32(vmovl_high_u16(high)), weight);
        source += work.source_stride;
      }
      const uint16x8_t low = vcombine_u16(vqmovun_s32(vshrq_n_s32(sums[0], kPrecisionBits)),
                                          vqmovun_s32(vshrq_n_s32(sums[1], kPrecisionBits)));
      const uint16x8_t high = vcombine_u16(vqmovun_s32(vshrq_n_s32(sums[2], kPrecisionBits)),
                                           vqmovun_s32(vshrq_n_s32(sums[3], kPrecisionBits)));
      const uint8x16_t bytes = vcombine_u8(vqmovn_u16(low), vqmovn_u16(high));
      if (x + 16 <= work.bytes) {
        vst1q_u8(target + x, bytes);
      } else {
        alignas(16) std::uint8_t rest[16];
        vst1q_u8(rest, bytes);
        std::memcpy(target + x, rest, work.bytes - x);
      }
    }
  }
}

}  // namespace

constinit const Variant neon{"neon",          Family::neon, CpuFeature::neon, packed_size,
                             pack_horizontal, horizontal,   vertical};

}  // namespace diptych::kernels::resize
