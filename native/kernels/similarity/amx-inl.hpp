// Tiles: how they are laid out in registers and multiplied, for each layout. Included by amx.cpp alone, which
// is compiled for AMX.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd/avx512.hpp"
#include "kernels/similarity/kernel.hpp"

namespace diptych::kernels::similarity {
namespace {

using simd::F16;

constexpr std::size_t tile_rows = 16;
constexpr std::size_t tile_bytes = 64;
constexpr std::size_t block_rows = 2 * tile_rows;

struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t columns[16] = {};
  std::uint8_t rows[16] = {};
};

// Tile t has rows[t] rows, and cannot be used where that is none.
void configure(const std::size_t (&rows)[8]) noexcept {
  TileConfig config;
  for (int t = 0; t < 8; ++t) {
    config.rows[t] = static_cast<std::uint8_t>(rows[t]);
    config.columns[t] = rows[t] == 0 ? 0 : tile_bytes;
  }
  // The intrinsic tells GCC of the first 8 bytes only: without this the other stores may be dropped.
  __asm__ volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

// Where the tiles of a block lie: rows `a` on (and 16 further down), panels `b` on (and the one beside).
struct Operands {
  const std::byte* a;
  long a_stride;
  const std::byte* b;
  long b_stride;

  [[nodiscard]] [[gnu::always_inline]] inline const std::byte* row(std::size_t tile,
                                                                   std::size_t offset = 0) const noexcept {
    return a + static_cast<long>(tile * tile_rows) * a_stride + offset;
  }
  [[nodiscard]] [[gnu::always_inline]] inline const std::byte* panel(std::size_t nth,
                                                                     long down = 0) const noexcept {
    return b + nth * panel_width * 4 + down * static_cast<long>(tile_rows) * b_stride;
  }
  [[gnu::always_inline]] inline void advance(long tiles) noexcept {
    a += tiles * static_cast<long>(tile_bytes);
    b += tiles * static_cast<long>(tile_rows) * b_stride;
  }
};

// What an Op says: how many tiles of a row its step multiplies with as many of a panel, how many panels it
// takes at a time, how many rows of those that are left; and the type that its tiles are stored as. A step
// calls between(), once or twice, for work of the vector units that its products need not wait for, where
// that was fastest; rows_at_a_turn says how many rows of other sums it should take to be done in 512 values.

// Tiles 0..3: sums of (row tile, panel); 4, 5: row tiles; 6, 7: panels.
template <class Product>
struct Pairs {
  static constexpr std::size_t tiles = 1;
  static constexpr std::size_t panels = 2;
  static constexpr std::size_t rows_at_a_turn = 2;
  struct alignas(64) Sums {
    typename Product::Sum v[block_rows][2 * panel_width];
  };
  static std::size_t rows(std::size_t left) noexcept { return left < block_rows ? left : block_rows; }
  static void configure_for(std::size_t upper, std::size_t lower) noexcept {
    configure({upper, upper, lower, lower, upper, lower, tile_rows, tile_rows});
  }
  template <bool Lower, bool Second>
  [[gnu::always_inline]] static inline void zero() noexcept {
    _tile_zero(0);
    if constexpr (Second) _tile_zero(1);
    if constexpr (Lower) _tile_zero(2);
    if constexpr (Lower && Second) _tile_zero(3);
  }
  template <bool Lower, bool Second, class Between>
  [[gnu::always_inline]] static inline void step(const Operands& at, const Between& between) noexcept {
    _tile_loadd(4, at.row(0), at.a_stride);
    _tile_loadd(6, at.panel(0), at.b_stride);
    if constexpr (Second) _tile_loadd(7, at.panel(1), at.b_stride);
    if constexpr (Lower) _tile_loadd(5, at.row(1), at.a_stride);
    between();
    Product::template upper<Second>();
    between();
    if constexpr (Lower) Product::template lower<Second>();
  }
  template <bool Lower, bool Second>
  [[gnu::always_inline]] static inline void store(Sums& sums) noexcept {
    constexpr long row_bytes = sizeof sums.v[0];
    _tile_stored(0, &sums.v[0][0], row_bytes);
    if constexpr (Second) _tile_stored(1, &sums.v[0][panel_width], row_bytes);
    if constexpr (Lower) _tile_stored(2, &sums.v[tile_rows][0], row_bytes);
    if constexpr (Lower && Second) _tile_stored(3, &sums.v[tile_rows][panel_width], row_bytes);
  }
  [[gnu::always_inline]] static inline F16 load(const Sums& sums, std::size_t row,
                                                std::size_t panel) noexcept {
    return Product::load(&sums.v[row][panel * panel_width]);
  }
};

struct Int8Product {
  using Sum = std::int32_t;
  [[gnu::always_inline]] static inline F16 load(const Sum* p) noexcept {
    return {_mm512_cvtepi32_ps(_mm512_load_si512(p))};
  }
  template <bool Second>
  [[gnu::always_inline]] static inline void upper() noexcept {
    _tile_dpbssd(0, 4, 6);
    if constexpr (Second) _tile_dpbssd(1, 4, 7);
  }
  template <bool Second>
  [[gnu::always_inline]] static inline void lower() noexcept {
    _tile_dpbssd(2, 5, 6);
    if constexpr (Second) _tile_dpbssd(3, 5, 7);
  }
};

struct Bf16Product {
  using Sum = float;
  [[gnu::always_inline]] static inline F16 load(const Sum* p) noexcept { return F16::load(p); }
  template <bool Second>
  [[gnu::always_inline]] static inline void upper() noexcept {
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (Second) _tile_dpbf16ps(1, 4, 7);
  }
  template <bool Second>
  [[gnu::always_inline]] static inline void lower() noexcept {
    _tile_dpbf16ps(2, 5, 6);
    if constexpr (Second) _tile_dpbf16ps(3, 5, 7);
  }
};

using Int8 = Pairs<Int8Product>;
using Bf16 = Pairs<Bf16Product>;

// Tiles 0, 2, 4: the three sums of the upper row tile; 1, 3, 5: of the lower one; 6: a row tile; 7: a panel.
struct Digits {
  static constexpr std::size_t tiles = digits_of_a_value;
  static constexpr std::size_t panels = 1;
  static constexpr std::size_t rows_at_a_turn = 4;
  struct alignas(64) Sums {
    std::int32_t v[digits_of_a_value][block_rows][panel_width];
  };
  // Tile 6 holds both row tiles in turn, so they must be of one height.
  static std::size_t rows(std::size_t left) noexcept {
    return left >= block_rows ? block_rows : left < tile_rows ? left : tile_rows;
  }
  static void configure_for(std::size_t upper, std::size_t lower) noexcept {
    configure({upper, lower, upper, lower, upper, lower, upper, tile_rows});
  }
  template <bool Lower, bool>
  [[gnu::always_inline]] static inline void zero() noexcept {
    _tile_zero(0);
    _tile_zero(2);
    _tile_zero(4);
    if constexpr (Lower) _tile_zero(1);
    if constexpr (Lower) _tile_zero(3);
    if constexpr (Lower) _tile_zero(5);
  }
  // Up and down through the row tiles, so that many a product shares an operand with the one before it.
  template <bool Lower, bool, class Between>
  [[gnu::always_inline]] static inline void step(const Operands& at, const Between& between) noexcept {
    const auto load = [&](std::size_t tile, std::size_t digit) __attribute__((always_inline)) {
      _tile_loadd(6, at.row(tile, digit * tile_bytes), at.a_stride);
    };
    _tile_loadd(7, at.panel(0, 0), at.b_stride);
    load(0, 0);
    between();
    _tile_dpbssd(0, 6, 7);
    if constexpr (Lower) {
      load(1, 0);
      _tile_dpbssd(1, 6, 7);
      load(1, 2);
      _tile_dpbssd(5, 6, 7);
    }
    load(0, 2);
    _tile_dpbssd(4, 6, 7);
    if constexpr (Lower) {
      load(1, 1);
      _tile_dpbssd(3, 6, 7);
    }
    load(0, 1);
    _tile_dpbssd(2, 6, 7);
    _tile_loadd(7, at.panel(0, 1), at.b_stride);
    _tile_dpbssd(4, 6, 7);
    if constexpr (Lower) {
      load(1, 1);
      _tile_dpbssd(5, 6, 7);
      load(1, 0);
      _tile_dpbssd(3, 6, 7);
    }
    load(0, 0);
    _tile_dpbssd(2, 6, 7);
    _tile_loadd(7, at.panel(0, 2), at.b_stride);
    _tile_dpbssd(4, 6, 7);
    if constexpr (Lower) {
      load(1, 0);
      _tile_dpbssd(5, 6, 7);
    }
  }
  template <bool Lower, bool>
  [[gnu::always_inline]] static inline void store(Sums& sums) noexcept {
    constexpr long row_bytes = sizeof sums.v[0][0];
    _tile_stored(0, &sums.v[0][0][0], row_bytes);
    _tile_stored(2, &sums.v[1][0][0], row_bytes);
    _tile_stored(4, &sums.v[2][0][0], row_bytes);
    if constexpr (Lower) _tile_stored(1, &sums.v[0][tile_rows][0], row_bytes);
    if constexpr (Lower) _tile_stored(3, &sums.v[1][tile_rows][0], row_bytes);
    if constexpr (Lower) _tile_stored(5, &sums.v[2][tile_rows][0], row_bytes);
  }
  [[gnu::always_inline]] static inline F16 load(const Sums& sums, std::size_t row, std::size_t) noexcept {
    const auto sum = [&](std::size_t w) { return Int8Product::load(&sums.v[w][row][0]); };
    return simd::fma(sum(0), F16::all(0x1p16f), simd::fma(sum(1), F16::all(0x1p8f), sum(2)));
  }
};

}  // namespace
}  // namespace diptych::kernels::similarity
