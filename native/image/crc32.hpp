#pragma once

#include <array>
#include <cstdint>

#include "image/bytes.hpp"

namespace diptych::image {

// CRC-32 as PNG has it (ISO 3309), eight bytes a step.
[[nodiscard]] inline std::uint32_t crc32(Bytes bytes) noexcept {
  static constexpr auto tables = [] {
    std::array<std::array<std::uint32_t, 256>, 8> all{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value & 1u) != 0 ? value >> 1 ^ 0xedb88320u : value >> 1;
      all[0][i] = value;
    }
    for (std::size_t i = 0; i < 256; ++i) {
      for (std::size_t t = 1; t < 8; ++t) all[t][i] = all[t - 1][i] >> 8 ^ all[0][all[t - 1][i] & 255u];
    }
    return all;
  }();
  std::uint32_t crc = ~0u;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const std::uint32_t low = crc ^ le32(bytes, at);
    const std::uint32_t high = le32(bytes, at + 4);
    crc = tables[7][low & 255u] ^ tables[6][low >> 8 & 255u] ^ tables[5][low >> 16 & 255u] ^
          tables[4][low >> 24] ^ tables[3][high & 255u] ^ tables[2][high >> 8 & 255u] ^
          tables[1][high >> 16 & 255u] ^ tables[0][high >> 24];
  }
  for (; at < bytes.size(); ++at) crc = crc >> 8 ^ tables[0][(crc ^ bytes[at]) & 255u];
  return ~crc;
}

}  // namespace diptych::image
