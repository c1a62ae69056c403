#include <immintrin.h>

#include <cstdint>

#include "kernels/limits/limits.hpp"

namespace diptych::kernels::limits::amx {
namespace {

// Palette 1: eight tiles of 16 rows by 64 bytes.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t columns[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

constexpr double tile_products = 16.0 * 16.0;

void zero_tiles() noexcept {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  _tile_zero(6);
  _tile_zero(7);
}

void drain(double& sink) noexcept {
  alignas(64) float tile[16 * 16];
  _tile_stored(0, tile, 64);
  sink += static_cast<double>(tile[0]);
  _tile_release();
}

}  // namespace

// Four sums of 16 cycles each cover the 52 cycles that one tile product takes.
double int8(std::size_t rounds, double& sink) noexcept {
  const TileConfig config;
  _tile_loadconfig(&config);
  zero_tiles();
  for (std::size_t round = 0; round < rounds; ++round) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  drain(sink);
  return 2.0 * 4.0 * tile_products * 64.0 * static_cast<double>(rounds);
}

double bf16(std::size_t rounds, double& sink) noexcept {
  const TileConfig config;
  _tile_loadconfig(&config);
  zero_tiles();
  for (std::size_t round = 0; round < rounds; ++round) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  drain(sink);
  return 2.0 * 4.0 * tile_products * 32.0 * static_cast<double>(rounds);
}

}  // namespace diptych::kernels::limits::amx
