#include <arm_neon.h>

#include "kernels/limits/limits.hpp"
#include "kernels/simd/neon.hpp"

#include "kernels/limits/from-cache-inl.hpp"

namespace diptych::kernels::limits::neon {

double fp32(std::size_t rounds, double& sink) noexcept {
  // Four pipes of latency 4 on the wider cores: 16 chains.
  constexpr std::size_t chains = 16;
  const float32x4_t factor = vdupq_n_f32(0.5f);
  const float32x4_t term = vdupq_n_f32(1.0f);
  float32x4_t sums[chains];
  for (std::size_t i = 0; i < chains; ++i) sums[i] = vdupq_n_f32(static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < chains; ++i) sums[i] = vfmaq_f32(term, sums[i], factor);
  }
  for (const float32x4_t& sum : sums) sink += static_cast<double>(vgetq_lane_f32(sum, 0));
  return 2.0 * 4.0 * static_cast<double>(chains) * static_cast<double>(rounds);
}

double fp32_from_cache(std::size_t rounds, double& sink) noexcept {
  return fp32_of_cached<6, 1>(rounds, sink);
}

void read(const std::byte* bytes, std::size_t size, double& sink) noexcept {
  constexpr std::size_t width = 16;
  uint64x2_t sums[8];
  for (uint64x2_t& sum : sums) sum = vdupq_n_u64(0);
  for (std::size_t at = 0; at < size; at += 8 * width) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(bytes + at);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < 8; ++i) {
      sums[i] = vaddq_u64(sums[i], vreinterpretq_u64_u8(vld1q_u8(from + i * width)));
    }
  }
  for (const uint64x2_t& sum : sums) sink += static_cast<double>(vgetq_lane_u64(sum, 0));
}

}  // namespace diptych::kernels::limits::neon
