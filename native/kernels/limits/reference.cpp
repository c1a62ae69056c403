#include <bit>
#include <cstring>

#include "kernels/limits/limits.hpp"

namespace diptych::kernels::limits::reference {
namespace {

// Independent sums, so that the loop is bound by throughput and not by one addition's latency.
constexpr std::size_t lanes = 8;

float widen(std::uint16_t bf16) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bf16) << 16);
}

}  // namespace

double fp32(std::size_t rounds, double& sink) noexcept {
  float sums[lanes] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f};
  for (std::size_t round = 0; round < rounds; ++round) {
    for (float& sum : sums) sum = sum * 0.5f + 1.0f;
  }
  for (const float sum : sums) sink += static_cast<double>(sum);
  return 2.0 * static_cast<double>(lanes) * static_cast<double>(rounds);
}

double fp32_from_cache(std::size_t rounds, double& sink) noexcept {
  constexpr std::size_t words = 256;
  static float values[words * lanes];
  static float factors[words];
  // Volatile, or the compiler would see the zeros.
  const float* volatile hidden[] = {values, factors};
  const float* const value = hidden[0];
  const float* const factor = hidden[1];
  float sums[lanes] = {};
  for (std::size_t round = 0; round < rounds; ++round) {
    const std::size_t k = round % words;
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += factor[k] * value[k * lanes + lane];
  }
  for (const float sum : sums) sink += static_cast<double>(sum);
  return 2.0 * static_cast<double>(lanes) * static_cast<double>(rounds);
}

double int8(std::size_t rounds, double& sink) noexcept {
  std::int32_t sums[lanes] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (std::size_t round = 0; round < rounds; ++round) {
    const auto value = static_cast<std::int8_t>(round & 63);
    for (std::int32_t& sum : sums) sum = (sum + value * 3) & 0xffffff;
  }
  for (const std::int32_t sum : sums) sink += static_cast<double>(sum);
  return 2.0 * static_cast<double>(lanes) * static_cast<double>(rounds);
}

double bf16(std::size_t rounds, double& sink) noexcept {
  float sums[lanes] = {};
  for (std::size_t round = 0; round < rounds; ++round) {
    const float value = widen(static_cast<std::uint16_t>(0x3f00 + (round & 63)));
    for (float& sum : sums) sum = sum * 0.5f + value;
  }
  for (const float sum : sums) sink += static_cast<double>(sum);
  return 2.0 * static_cast<double>(lanes) * static_cast<double>(rounds);
}

void read(const std::byte* bytes, std::size_t size, double& sink) noexcept {
  std::uint64_t sums[4] = {};
  for (std::size_t at = 0; at < size; at += sizeof(sums)) {
    std::uint64_t words[4];
    std::memcpy(words, bytes + at, sizeof(words));
    for (std::size_t i = 0; i < 4; ++i) sums[i] += words[i];
  }
  for (const std::uint64_t sum : sums) sink += static_cast<double>(sum);
}

}  // namespace diptych::kernels::limits::reference
