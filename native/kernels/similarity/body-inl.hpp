// The tile kernels for vector units, once for all: included by one file per instruction set, after its simd
// header, and instantiated there with an Op (the arithmetic of one layout). No include guard trickery and no
// std containers: see simd/avx512.hpp on linkage.
//
// Rows are the broadcast operand: a tile of R rows x P panels keeps R * P accumulators in registers, and each
// word of a row is loaded once per P panels. So rows need no packing, a panel group streams from L2, and both
// are fetched ahead. R * P is chosen so that the accumulators, P panel vectors and a broadcast fit the
// register file.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/similarity/kernel.hpp"

namespace diptych::kernels::similarity {
namespace {

using simd::F16;

// A tile's share of what will be wanted soon, in equal steps of sixteen words.
struct Ahead {
  const std::byte* from;
  std::size_t step;

  Ahead(const Soon& soon, std::size_t row, std::size_t rows, std::size_t words) noexcept
      : from(soon.from + row * soon.per_row), step(words == 0 ? 0 : rows * soon.per_row * 16 / words) {}
  [[gnu::always_inline]] inline void fetch(std::size_t k) const noexcept {
    const std::byte* const at = from + k / 16 * step;
    for (std::size_t byte = 0; byte < step; byte += 64) __builtin_prefetch(at + byte, 0, 2);
  }
};

// Nothing more to fetch ahead than the block's own.
struct NoLines {
  [[gnu::always_inline]] inline void fetch(std::size_t) const noexcept {}
};

// The lines of the output that the next tile writes, one for every step of sixteen words: asked for all at
// once they would fill the core's line buffers, and the panels would wait behind them.
template <int R, int P>
struct NextLines {
  const float* out;
  std::size_t stride;
  [[gnu::always_inline]] inline void fetch(std::size_t k) const noexcept {
    const std::size_t line = k / 16;
    if (line >= static_cast<std::size_t>(R) * P) return;
    __builtin_prefetch(out + line / P * stride + line % P * panel_width, 1, 3);
  }
};

template <class Op, int R, int P>
struct Tile {
  typename Op::Acc acc[R][P];

  template <class Lines>
  [[gnu::always_inline]] inline void run(const Block& block, std::size_t row, const Lines& lines) noexcept {
    const std::byte* const base = block.rows + row * block.stride;
    const std::size_t stride = block.stride;
    const std::byte* panel = block.panels;
#pragma GCC unroll 24
    for (int r = 0; r < R; ++r) {
      const auto start = Op::start(block, row + static_cast<std::size_t>(r));
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) acc[r][p] = start;
    }
    constexpr std::size_t line = panel_width * 4;
    constexpr std::size_t panel_step = P * line;
    // What is asked for ahead, in bytes. The hardware does so too, but all rows reach their next line at
    // once, and many panels' lines are wanted as fast as the second-level cache can bring them.
    constexpr std::size_t rows_ahead = P <= 2 ? 256 : 192;
    constexpr std::size_t panels_ahead = P <= 2 ? 0 : 1024;
    const std::byte* rows[R];
#pragma GCC unroll 24
    for (int r = 0; r < R; ++r) rows[r] = base + static_cast<std::size_t>(r) * stride;
    const std::size_t whole = block.words / 16 * 16;
    const Ahead ahead[2] = {{block.soon[0], row, R, whole}, {block.soon[1], row, R, whole}};

    std::size_t k = 0;
    for (; k < whole; k += 16) {
      ahead[0].fetch(k);
      ahead[1].fetch(k);
      lines.fetch(k);
#pragma GCC unroll 24
      for (int r = 0; r < R; ++r) __builtin_prefetch(rows[r] + k * 4 + rows_ahead, 0, 3);
#pragma GCC unroll 4
      for (std::size_t i = 0; i < 16; ++i) {
        step(rows, (k + i) * 4, panel);
        panel += panel_step;
        if constexpr (panels_ahead > 0) {
#pragma GCC unroll 4
          for (int p = 0; p < P; ++p) __builtin_prefetch(panel + panels_ahead + p * line, 0, 3);
        }
      }
    }
    for (; k < block.words; ++k) {
      step(rows, k * 4, panel);
      panel += panel_step;
    }
  }

 private:
  [[gnu::always_inline]] inline void step(const std::byte* const (&rows)[R], std::size_t offset,
                                          const std::byte* panel) noexcept {
    typename Op::Panel b[P];
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      b[p] = Op::load(panel + static_cast<std::size_t>(p) * panel_width * 4);
    }
#pragma GCC unroll 24
    for (int r = 0; r < R; ++r) {
      const auto a = Op::broadcast(rows[r] + offset);
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) acc[r][p] = Op::step(acc[r][p], a, b[p]);
    }
  }
};

// fma(acc * s_j, g_q, o_j)
template <class Op>
[[gnu::always_inline]] inline F16 value_of(typename Op::Acc acc, F16 row_scale, const float* query_scale,
                                           F16 row_offset) noexcept {
  return simd::fma(Op::to_float(acc) * row_scale, F16::load(query_scale), row_offset);
}

// Of a tile that holds hits. Out of line, with sums in memory: in a tile that holds none, all stay in
// registers.
template <class Op, int R, int P>
[[gnu::noinline]] void push_hits(const Block& block, std::size_t row, Filter& filter,
                                 const Tile<Op, R, P>& tile) noexcept {
  for (int r = 0; r < R; ++r) {
    const std::size_t j = row + static_cast<std::size_t>(r);
    const F16 scale = F16::all(block.row_scale[j]);
    const F16 offset = F16::all(block.row_offset[j]);
    for (int p = 0; p < P; ++p) {
      const std::size_t at = static_cast<std::size_t>(p) * panel_width;
      const F16 value = value_of<Op>(tile.acc[r][p], scale, block.query_scale + at, offset);
      std::uint32_t mask = simd::at_least(value, F16::load(filter.thresholds + at));
      if (mask == 0) continue;
      alignas(64) float values[panel_width];
      value.store(values);
      for (; mask != 0; mask &= mask - 1) {
        const auto lane = static_cast<std::uint32_t>(__builtin_ctz(mask));
        filter.hits[filter.count++] = {values[lane], static_cast<std::uint32_t>(j),
                                       static_cast<std::uint32_t>(at) + lane};
      }
    }
  }
}

template <class Op, int R, int P>
[[gnu::always_inline]] inline void filter_tile(const Block& block, std::size_t row, Filter& filter) noexcept {
  Tile<Op, R, P> tile;
  tile.run(block, row, NoLines{});
  // Each query's largest value tells whether any reaches its threshold.
  F16 largest[P];
#pragma GCC unroll 24
  for (int r = 0; r < R; ++r) {
    const F16 scale = F16::all(block.row_scale[row + static_cast<std::size_t>(r)]);
    const F16 offset = F16::all(block.row_offset[row + static_cast<std::size_t>(r)]);
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const std::size_t at = static_cast<std::size_t>(p) * panel_width;
      const F16 value = value_of<Op>(tile.acc[r][p], scale, block.query_scale + at, offset);
      largest[p] = r == 0 ? value : simd::max(value, largest[p]);
    }
  }
  std::uint32_t any = 0;
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    any |=
        simd::at_least(largest[p], F16::load(filter.thresholds + static_cast<std::size_t>(p) * panel_width));
  }
  if (any == 0) [[likely]]
    return;
  Tile<Op, R, P> kept;
#pragma GCC unroll 24
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) kept.acc[r][p] = tile.acc[r][p];
  }
  push_hits(block, row, filter, kept);
}

template <class Op, int R, int P>
[[gnu::noinline]] std::size_t filter_rows(const Block& block, std::size_t row, Filter& filter) noexcept {
  constexpr std::size_t most = static_cast<std::size_t>(R) * P * panel_width;
  for (; row + R <= block.count; row += R) {
    if (filter.capacity - filter.count < most) return row;
    filter_tile<Op, R, P>(block, row, filter);
  }
  for (; row < block.count; ++row) {
    if (filter.capacity - filter.count < P * panel_width) return row;
    filter_tile<Op, 1, P>(block, row, filter);
  }
  return row;
}

template <class Op, int R, int P>
[[gnu::always_inline]] inline void dense_tile(const Block& block, std::size_t row,
                                              const Dense& dense) noexcept {
  Tile<Op, R, P> tile;
  tile.run(block, row, NextLines<R, P>{dense.out + (row + R) * dense.stride, dense.stride});
  const F16 low = F16::all(dense.low);
  const F16 high = F16::all(dense.high);
#pragma GCC unroll 24
  for (int r = 0; r < R; ++r) {
    const std::size_t j = row + static_cast<std::size_t>(r);
    const F16 scale = F16::all(block.row_scale[j]);
    const F16 offset = F16::all(block.row_offset[j]);
    float* const out = dense.out + j * dense.stride;
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      const std::size_t at = static_cast<std::size_t>(p) * panel_width;
      if (at >= dense.columns) break;
      const F16 value = value_of<Op>(tile.acc[r][p], scale, block.query_scale + at, offset) + F16::zero();
      const F16 clipped = simd::min(simd::max(value, low), high);
      const std::size_t left = dense.columns - at;
      if (left >= panel_width) {
        clipped.store(out + at);
      } else {
        clipped.store_first(out + at, left);
      }
    }
  }
}

template <class Op, int R, int P>
[[gnu::noinline]] void dense_rows(const Block& block, const Dense& dense) noexcept {
  std::size_t row = 0;
  for (; row + R <= block.count; row += R) dense_tile<Op, R, P>(block, row, dense);
  for (; row < block.count; ++row) dense_tile<Op, 1, P>(block, row, dense);
}

// Op::heights[P - 1] is the tile's height for P panels side by side; Op::group is the most panels whose tile
// the register file holds.
template <class Op>
std::size_t filter(const Block& block, std::size_t first, Filter& filter) noexcept {
  if constexpr (Op::group >= 4) {
    if (block.panel_count == 4) return filter_rows<Op, Op::heights[3], 4>(block, first, filter);
  }
  if constexpr (Op::group >= 3) {
    if (block.panel_count == 3) return filter_rows<Op, Op::heights[2], 3>(block, first, filter);
  }
  if constexpr (Op::group >= 2) {
    if (block.panel_count == 2) return filter_rows<Op, Op::heights[1], 2>(block, first, filter);
  }
  return filter_rows<Op, Op::heights[0], 1>(block, first, filter);
}

template <class Op>
void dense(const Block& block, const Dense& dense) noexcept {
  if constexpr (Op::group >= 4) {
    if (block.panel_count == 4) return dense_rows<Op, Op::heights[3], 4>(block, dense);
  }
  if constexpr (Op::group >= 3) {
    if (block.panel_count == 3) return dense_rows<Op, Op::heights[2], 3>(block, dense);
  }
  if constexpr (Op::group >= 2) {
    if (block.panel_count == 2) return dense_rows<Op, Op::heights[1], 2>(block, dense);
  }
  return dense_rows<Op, Op::heights[0], 1>(block, dense);
}

template <class Op>
constexpr Variant variant_of(std::string_view name, Family family, CpuFeatures needs,
                             std::int32_t query_bias = 0) noexcept {
  return {name, family, needs, filter<Op>, dense<Op>, Op::group, query_bias};
}

}  // namespace
}  // namespace diptych::kernels::similarity
