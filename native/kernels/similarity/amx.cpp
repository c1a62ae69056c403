// int8 and bf16 by AMX: a tile of 16 rows x 64 bytes, in place, times a tile of 64 bytes x 16 queries, which
// is what a panel is. Two row tiles by two panels keep four sums, so that each loaded tile is used twice: 4
// products of 16 cycles for 4 loads of 8.
//
// The epilogue reads the sums back from memory; it needs only vector units, which are idle while tiles
// multiply.
#include "kernels/simd/avx512.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

using simd::F16;

constexpr std::size_t tile_rows = 16;
constexpr std::size_t tile_bytes = 64;
constexpr std::size_t block_rows = 2 * tile_rows;
constexpr std::size_t block_queries = 2 * panel_width;

// Tiles 0..3: sums of (row tile, panel); 4, 5: row tiles; 6, 7: panels.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t columns[16] = {};
  std::uint8_t rows[16] = {};
};

// For `upper` rows in the first row tile and `lower` in the second; zero leaves the second's tiles unusable.
void configure(std::size_t upper, std::size_t lower) noexcept {
  TileConfig config;
  for (int t = 0; t < 8; ++t) config.columns[t] = tile_bytes;
  config.rows[0] = config.rows[1] = config.rows[4] = static_cast<std::uint8_t>(upper);
  config.rows[2] = config.rows[3] = config.rows[5] = static_cast<std::uint8_t>(lower);
  config.rows[6] = config.rows[7] = tile_rows;
  if (lower == 0) config.columns[2] = config.columns[3] = config.columns[5] = 0;
  // The intrinsic tells GCC of the first 8 bytes only: without this the other stores may be dropped.
  __asm__ volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

struct Int8 {
  using Sum = std::int32_t;
  static F16 load(const Sum* p) noexcept { return {_mm512_cvtepi32_ps(_mm512_load_si512(p))}; }
  template <bool Lower, bool Second>
  static void multiply() noexcept {
    _tile_dpbssd(0, 4, 6);
    if constexpr (Second) _tile_dpbssd(1, 4, 7);
    if constexpr (Lower) _tile_dpbssd(2, 5, 6);
    if constexpr (Lower && Second) _tile_dpbssd(3, 5, 7);
  }
};

struct Bf16 {
  using Sum = float;
  static F16 load(const Sum* p) noexcept { return F16::load(p); }
  template <bool Lower, bool Second>
  static void multiply() noexcept {
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (Second) _tile_dpbf16ps(1, 4, 7);
    if constexpr (Lower) _tile_dpbf16ps(2, 5, 6);
    if constexpr (Lower && Second) _tile_dpbf16ps(3, 5, 7);
  }
};

// Dot products of up to 32 rows and 32 queries.
template <class Op>
struct alignas(64) Sums {
  typename Op::Sum v[block_rows][block_queries];
};

template <class Op, bool Lower, bool Second>
[[gnu::always_inline]] inline void products(const Block& block, std::size_t row, std::size_t panel,
                                            Sums<Op>& sums) noexcept {
  const std::byte* a = block.rows + row * block.stride;
  const std::byte* const a_lower = a + tile_rows * block.stride;
  const auto a_stride = static_cast<long>(block.stride);
  const std::size_t b_stride = block.panel_count * panel_width * 4;
  const std::byte* b = block.panels + panel * panel_width * 4;
  _tile_zero(0);
  if constexpr (Second) _tile_zero(1);
  if constexpr (Lower) _tile_zero(2);
  if constexpr (Lower && Second) _tile_zero(3);
  const std::size_t bytes = block.words * 4;
  for (std::size_t k = 0; k < bytes; k += tile_bytes) {
    _tile_loadd(4, a + k, a_stride);
    _tile_loadd(6, b, static_cast<long>(b_stride));
    if constexpr (Second) _tile_loadd(7, b + panel_width * 4, static_cast<long>(b_stride));
    if constexpr (Lower) _tile_loadd(5, a_lower + k, a_stride);
    Op::template multiply<Lower, Second>();
    b += panel_width * b_stride;
  }
  constexpr long row_bytes = sizeof sums.v[0];
  _tile_stored(0, &sums.v[0][0], row_bytes);
  if constexpr (Second) _tile_stored(1, &sums.v[0][panel_width], row_bytes);
  if constexpr (Lower) _tile_stored(2, &sums.v[tile_rows][0], row_bytes);
  if constexpr (Lower && Second) _tile_stored(3, &sums.v[tile_rows][panel_width], row_bytes);
}

template <class Op>
void products(const Block& block, std::size_t row, std::size_t rows, std::size_t panel, std::size_t panels,
              Sums<Op>& sums) noexcept {
  if (rows > tile_rows) {
    if (panels == 2) {
      products<Op, true, true>(block, row, panel, sums);
    } else {
      products<Op, true, false>(block, row, panel, sums);
    }
  } else if (panels == 2) {
    products<Op, false, true>(block, row, panel, sums);
  } else {
    products<Op, false, false>(block, row, panel, sums);
  }
}

// consume(row, rows, panel, panels, sums) for every block of up to 32 rows and two panels, rows ascending in
// steps of a block; stops before the first block of rows that `ready` refuses and returns its first row.
template <class Op, class Ready, class Consume>
[[gnu::always_inline]] inline std::size_t each_block(const Block& block, std::size_t row, Ready ready,
                                                     Consume consume) noexcept {
  Sums<Op> sums;
  std::size_t configured = 0;
  while (row < block.count && ready()) {
    const std::size_t left = block.count - row;
    const std::size_t rows = left < block_rows ? left : block_rows;
    if (rows != configured) {
      configure(rows < tile_rows ? rows : tile_rows, rows > tile_rows ? rows - tile_rows : 0);
      configured = rows;
    }
    for (std::size_t panel = 0; panel < block.panel_count; panel += 2) {
      const std::size_t panels = block.panel_count - panel == 1 ? 1 : 2;
      products<Op>(block, row, rows, panel, panels, sums);
      consume(row, rows, panel, panels, sums);
    }
    row += rows;
  }
  // Tiles left configured would be saved and restored at every context switch.
  if (configured != 0) _tile_release();
  return row;
}

template <class Op>
F16 value_of(const Block& block, std::size_t row, std::size_t query, const typename Op::Sum* sums) noexcept {
  return simd::fma(Op::load(sums) * F16::all(block.row_scale[row]), F16::load(block.query_scale + query),
                   F16::all(block.row_offset[row]));
}

template <class Op>
std::size_t filter(const Block& block, std::size_t first, Filter& filter) noexcept {
  const std::size_t most = block_rows * block.panel_count * panel_width;
  const auto ready = [&] { return filter.capacity - filter.count >= most; };
  return each_block<Op>(
      block, first, ready,
      [&](std::size_t row, std::size_t rows, std::size_t panel, std::size_t panels, const Sums<Op>& sums) {
        for (std::size_t p = 0; p < panels; ++p) {
          const std::size_t query = (panel + p) * panel_width;
          const F16 threshold = F16::load(filter.thresholds + query);
          const F16 query_scale = F16::load(block.query_scale + query);
          for (std::size_t r = 0; r < rows; ++r) {
            const F16 value =
                simd::fma(Op::load(&sums.v[r][p * panel_width]) * F16::all(block.row_scale[row + r]),
                          query_scale, F16::all(block.row_offset[row + r]));
            std::uint32_t mask = simd::at_least(value, threshold);
            if (mask == 0) [[likely]]
              continue;
            alignas(64) float values[panel_width];
            value.store(values);
            for (; mask != 0; mask &= mask - 1) {
              const auto lane = static_cast<std::uint32_t>(__builtin_ctz(mask));
              filter.hits[filter.count++] = {values[lane], static_cast<std::uint32_t>(row + r),
                                             static_cast<std::uint32_t>(query) + lane};
            }
          }
        }
      });
}

template <class Op>
void dense(const Block& block, const Dense& dense) noexcept {
  const F16 low = F16::all(dense.low);
  const F16 high = F16::all(dense.high);
  each_block<Op>(
      block, 0, [] { return true; },
      [&](std::size_t row, std::size_t rows, std::size_t panel, std::size_t panels, const Sums<Op>& sums) {
        for (std::size_t p = 0; p < panels; ++p) {
          const std::size_t query = (panel + p) * panel_width;
          if (query >= dense.columns) break;
          const std::size_t columns = dense.columns - query;
          for (std::size_t r = 0; r < rows; ++r) {
            const F16 value = value_of<Op>(block, row + r, query, &sums.v[r][p * panel_width]) + F16::zero();
            const F16 clipped = simd::min(simd::max(value, low), high);
            float* const out = dense.out + (row + r) * dense.stride + query;
            if (columns >= panel_width) {
              clipped.store(out);
            } else {
              clipped.store_first(out, columns);
            }
          }
        }
      });
}

}  // namespace

constinit const Variant amx_int8{"amx", Family::amx, needs_amx, filter<Int8>, dense<Int8>, 4, 0};
constinit const Variant amx_bf16{"amx", Family::amx, needs_amx, filter<Bf16>, dense<Bf16>, 4, 0};

}  // namespace diptych::kernels::similarity
