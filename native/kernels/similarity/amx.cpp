// int8, bf16 and parts by AMX: a tile of 16 rows x 64 bytes, in place, times a tile of 64 bytes x 16 queries,
// which is what a panel is. Two row tiles by two panels keep four sums, so that each loaded tile is used
// twice: 4 products of 16 cycles for 4 loads of 8. Parts take 24 products for 14 loads.
//
// The sums are read back from memory by the vector units. To do that between the next block's products was
// measured: a fifth slower.
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

// Where the tiles of a block lie: rows `a` on (and 16 further down), panels `b` on (and the one beside).
struct Operands {
  const std::byte* a;
  long a_stride;
  const std::byte* b;
  long b_stride;

  template <bool Lower>
  [[gnu::always_inline]] inline void load_rows(std::size_t offset) const noexcept {
    _tile_loadd(4, a + offset, a_stride);
    if constexpr (Lower) _tile_loadd(5, a + static_cast<long>(tile_rows) * a_stride + offset, a_stride);
  }
  template <bool Second>
  [[gnu::always_inline]] inline void load_panels(long offset) const noexcept {
    _tile_loadd(6, b + offset, b_stride);
    if constexpr (Second) _tile_loadd(7, b + offset + panel_width * 4, b_stride);
  }
  [[gnu::always_inline]] inline void advance(long tiles) noexcept {
    a += tiles * static_cast<long>(tile_bytes);
    b += tiles * static_cast<long>(tile_rows) * b_stride;
  }
};

template <bool Lower, bool Second>
[[gnu::always_inline]] inline void multiply_bf16() noexcept {
  _tile_dpbf16ps(0, 4, 6);
  if constexpr (Second) _tile_dpbf16ps(1, 4, 7);
  if constexpr (Lower) _tile_dpbf16ps(2, 5, 6);
  if constexpr (Lower && Second) _tile_dpbf16ps(3, 5, 7);
}

// An Op's step multiplies `tiles` tiles of a row with as many of a panel.
struct Int8 {
  using Sum = std::int32_t;
  static constexpr std::size_t tiles = 1;
  static F16 load(const Sum* p) noexcept { return {_mm512_cvtepi32_ps(_mm512_load_si512(p))}; }
  template <bool Lower, bool Second>
  [[gnu::always_inline]] static inline void step(const Operands& at) noexcept {
    at.load_rows<Lower>(0);
    at.load_panels<Second>(0);
    _tile_dpbssd(0, 4, 6);
    if constexpr (Second) _tile_dpbssd(1, 4, 7);
    if constexpr (Lower) _tile_dpbssd(2, 5, 6);
    if constexpr (Lower && Second) _tile_dpbssd(3, 5, 7);
  }
};

struct Bf16 {
  using Sum = float;
  static constexpr std::size_t tiles = 1;
  static F16 load(const Sum* p) noexcept { return F16::load(p); }
  template <bool Lower, bool Second>
  [[gnu::always_inline]] static inline void step(const Operands& at) noexcept {
    at.load_rows<Lower>(0);
    at.load_panels<Second>(0);
    multiply_bf16<Lower, Second>();
  }
};

// a0 b2 + a0 b1 + a1 b1 + a1 b0 + a0 b0 + a2 b0: each product shares an operand with the one before it.
struct Parts {
  using Sum = float;
  static constexpr std::size_t tiles = parts_of_a_float;
  static F16 load(const Sum* p) noexcept { return F16::load(p); }
  template <bool Lower, bool Second>
  [[gnu::always_inline]] static inline void step(const Operands& at) noexcept {
    const long panel_part = static_cast<long>(tile_rows) * at.b_stride;
    at.load_rows<Lower>(0);
    at.load_panels<Second>(2 * panel_part);
    multiply_bf16<Lower, Second>();
    at.load_panels<Second>(panel_part);
    multiply_bf16<Lower, Second>();
    at.load_rows<Lower>(tile_bytes);
    multiply_bf16<Lower, Second>();
    at.load_panels<Second>(0);
    multiply_bf16<Lower, Second>();
    at.load_rows<Lower>(0);
    multiply_bf16<Lower, Second>();
    at.load_rows<Lower>(2 * tile_bytes);
    multiply_bf16<Lower, Second>();
  }
};

// Dot products of up to 32 rows and 32 queries.
template <class Op>
struct alignas(64) Sums {
  typename Op::Sum v[block_rows][block_queries];
};

// Up to 32 rows by one or two panels.
struct Place {
  std::size_t row;
  std::size_t rows;
  std::size_t panel;
  std::size_t panels;
};

// `all` in `steps` (one at least) even pieces of a `multiple`, the last ones shorter or empty.
struct Pieces {
  std::size_t whole;
  std::size_t each;

  Pieces(std::size_t all, std::size_t steps, std::size_t multiple) noexcept
      : whole(all), each(((all + steps - 1) / steps + multiple - 1) / multiple * multiple) {}
  [[nodiscard]] std::size_t first(std::size_t step) const noexcept { return end(step * each); }
  [[nodiscard]] std::size_t last(std::size_t step) const noexcept { return end((step + 1) * each); }

 private:
  [[nodiscard]] std::size_t end(std::size_t at) const noexcept { return at < whole ? at : whole; }
};

// A place's share of what will be wanted soon (Block::soon), line by line while its tiles multiply.
class Ahead {
 public:
  Ahead(const Block& block, const Place& place, std::size_t steps) noexcept
      : pieces_{pieces(block, place, 0, steps), pieces(block, place, 1, steps)} {
    const std::size_t nth = place.panel / 2;
    for (std::size_t i = 0; i < 2; ++i) {
      from_[i] = block.soon[i].from + place.row * block.soon[i].per_row + nth * pieces_[i].whole;
    }
  }
  [[gnu::always_inline]] inline void fetch(std::size_t step) const noexcept {
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t at = pieces_[i].first(step); at < pieces_[i].last(step); at += 64) {
        __builtin_prefetch(from_[i] + at, 0, 2);
      }
    }
  }

 private:
  static Pieces pieces(const Block& block, const Place& place, std::size_t i, std::size_t steps) noexcept {
    const std::size_t pairs = (block.panel_count + 1) / 2;
    return {block.soon[i].per_row * place.rows / pairs, steps, 64};
  }

  Pieces pieces_[2];
  const std::byte* from_[2];
};

template <class Op, bool Lower, bool Second, class Sink>
[[gnu::always_inline]] inline void products(const Block& block, const Place& place, const Sink& sink,
                                            Sums<Op>& sums) noexcept {
  Operands at{block.rows + place.row * block.stride, static_cast<long>(block.stride),
              block.panels + place.panel * panel_width * 4,
              static_cast<long>(block.panel_count * panel_width * 4)};
  _tile_zero(0);
  if constexpr (Second) _tile_zero(1);
  if constexpr (Lower) _tile_zero(2);
  if constexpr (Lower && Second) _tile_zero(3);
  const std::size_t steps = block.words * 4 / (Op::tiles * tile_bytes);
  const std::size_t pieces = steps == 0 ? 1 : steps;
  const Ahead ahead(block, place, pieces);
  const Pieces to_fetch(place.rows, pieces, 1);
  for (std::size_t step = 0; step < steps; ++step) {
    ahead.fetch(step);
    sink.fetch(place, to_fetch.first(step), to_fetch.last(step));
    Op::template step<Lower, Second>(at);
    at.advance(Op::tiles);
  }
  constexpr long row_bytes = sizeof sums.v[0];
  _tile_stored(0, &sums.v[0][0], row_bytes);
  if constexpr (Second) _tile_stored(1, &sums.v[0][panel_width], row_bytes);
  if constexpr (Lower) _tile_stored(2, &sums.v[tile_rows][0], row_bytes);
  if constexpr (Lower && Second) _tile_stored(3, &sums.v[tile_rows][panel_width], row_bytes);
}

template <class Op, class Sink>
void products(const Block& block, const Place& place, const Sink& sink, Sums<Op>& sums) noexcept {
  if (place.rows > tile_rows) {
    if (place.panels == 2) {
      products<Op, true, true>(block, place, sink, sums);
    } else {
      products<Op, true, false>(block, place, sink, sums);
    }
  } else if (place.panels == 2) {
    products<Op, false, true>(block, place, sink, sums);
  } else {
    products<Op, false, false>(block, place, sink, sums);
  }
}

// Every place of the block, rows ascending. The sink has
//   bool room(): whether it can take all places of 32 more rows;
//   void fetch(place, first, last): rows first .. last - 1 of the place will be taken soon;
//   void take(place, sums).
// Stops before the first row that the sink has no room for and returns it.
template <class Op, class Sink>
[[gnu::always_inline]] inline std::size_t each_place(const Block& block, std::size_t row,
                                                     const Sink& sink) noexcept {
  Sums<Op> sums;
  std::size_t configured = 0;
  while (row < block.count && sink.room()) {
    const std::size_t left = block.count - row;
    const std::size_t rows = left < block_rows ? left : block_rows;
    if (rows != configured) {
      configure(rows < tile_rows ? rows : tile_rows, rows > tile_rows ? rows - tile_rows : 0);
      configured = rows;
    }
    for (std::size_t panel = 0; panel < block.panel_count; panel += 2) {
      const Place place{row, rows, panel, block.panel_count - panel == 1 ? std::size_t{1} : std::size_t{2}};
      products<Op>(block, place, sink, sums);
      sink.take(place, sums);
    }
    row += rows;
  }
  // Tiles left configured would be saved and restored at every context switch.
  if (configured != 0) _tile_release();
  return row;
}

// The values of a place's rows with one of its panels.
template <class Op>
class Values {
 public:
  Values(const Block& block, const Place& place, std::size_t p, const Sums<Op>& sums) noexcept
      : scale_(block.row_scale + place.row),
        offset_(block.row_offset + place.row),
        sums_(&sums.v[0][p * panel_width]),
        query_scale_(F16::load(block.query_scale + (place.panel + p) * panel_width)) {}

  [[gnu::always_inline]] inline F16 at(std::size_t r) const noexcept {
    return simd::fma(Op::load(sums_ + r * block_queries) * F16::all(scale_[r]), query_scale_,
                     F16::all(offset_[r]));
  }

 private:
  const float* scale_;
  const float* offset_;
  const typename Op::Sum* sums_;
  F16 query_scale_;
};

template <class Op>
struct FilterSink {
  const Block& block;
  Filter& filter;

  [[nodiscard]] bool room() const noexcept {
    return filter.capacity - filter.count >= block_rows * block.panel_count * panel_width;
  }
  void fetch(const Place&, std::size_t, std::size_t) const noexcept {}
  [[gnu::always_inline]] inline void take(const Place& place, const Sums<Op>& sums) const noexcept {
    for (std::size_t p = 0; p < place.panels; ++p) {
      const Values<Op> values(block, place, p, sums);
      const std::size_t query = (place.panel + p) * panel_width;
      const F16 threshold = F16::load(filter.thresholds + query);
      for (std::size_t r = 0; r < place.rows; ++r) {
        const F16 value = values.at(r);
        std::uint32_t mask = simd::at_least(value, threshold);
        if (mask == 0) [[likely]]
          continue;
        alignas(64) float lanes[panel_width];
        value.store(lanes);
        for (; mask != 0; mask &= mask - 1) {
          const auto lane = static_cast<std::uint32_t>(__builtin_ctz(mask));
          filter.hits[filter.count++] = {lanes[lane], static_cast<std::uint32_t>(place.row + r),
                                         static_cast<std::uint32_t>(query) + lane};
        }
      }
    }
  }
};

template <class Op>
struct DenseSink {
  const Block& block;
  const Dense& dense;

  [[nodiscard]] bool room() const noexcept { return true; }
  // Written whole, but a line must be fetched before it is written.
  [[gnu::always_inline]] inline void fetch(const Place& place, std::size_t first,
                                           std::size_t last) const noexcept {
    const float* out = dense.out + (place.row + first) * dense.stride + place.panel * panel_width;
    for (std::size_t r = first; r < last; ++r, out += dense.stride) {
      __builtin_prefetch(out, 1, 3);
      __builtin_prefetch(out + panel_width, 1, 3);
    }
  }
  [[gnu::always_inline]] inline void take(const Place& place, const Sums<Op>& sums) const noexcept {
    const F16 low = F16::all(dense.low);
    const F16 high = F16::all(dense.high);
    for (std::size_t p = 0; p < place.panels; ++p) {
      const std::size_t query = (place.panel + p) * panel_width;
      if (query >= dense.columns) break;
      const Values<Op> values(block, place, p, sums);
      const std::size_t columns = dense.columns - query;
      float* out = dense.out + place.row * dense.stride + query;
      for (std::size_t r = 0; r < place.rows; ++r, out += dense.stride) {
        const F16 clipped = simd::min(simd::max(values.at(r) + F16::zero(), low), high);
        if (columns >= panel_width) {
          clipped.store(out);
        } else {
          clipped.store_first(out, columns);
        }
      }
    }
  }
};

template <class Op>
std::size_t filter(const Block& block, std::size_t first, Filter& filter) noexcept {
  return each_place<Op>(block, first, FilterSink<Op>{block, filter});
}

template <class Op>
void dense(const Block& block, const Dense& dense) noexcept {
  each_place<Op>(block, 0, DenseSink<Op>{block, dense});
}

// Three rounded remainders, to nearest even: each is exact, and the last holds what is left of 24 bits.
void split(const float* x, std::uint16_t* parts, std::size_t d) noexcept {
  const auto widen = [](__m512i halves, int upper) {
    const __m256i sixteen =
        upper == 0 ? _mm512_castsi512_si256(halves) : _mm512_extracti64x4_epi64(halves, 1);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(sixteen), 16));
  };
  for (std::size_t k = 0; k < d; k += part_width, parts += parts_of_a_float * part_width) {
    const std::size_t left = d - k;
    F16 low = left >= 16 ? F16::load(x + k) : F16::load_first(x + k, left);
    F16 high = left >= 32  ? F16::load(x + k + 16)
               : left > 16 ? F16::load_first(x + k + 16, left - 16)
                           : F16::zero();
    for (std::size_t part = 0; part < parts_of_a_float; ++part) {
      const auto halves = (__m512i)_mm512_cvtne2ps_pbh(high.v, low.v);
      _mm512_storeu_si512(parts + part * part_width, halves);
      low = low - F16{widen(halves, 0)};
      high = high - F16{widen(halves, 1)};
    }
  }
}

}  // namespace

constinit const PartsVariant amx_parts{{"amx", Family::amx, needs_amx, filter<Parts>, dense<Parts>, 2, 0},
                                       split};
constinit const Variant amx_int8{"amx", Family::amx, needs_amx, filter<Int8>, dense<Int8>, 4, 0};
constinit const Variant amx_bf16{"amx", Family::amx, needs_amx, filter<Bf16>, dense<Bf16>, 4, 0};

}  // namespace diptych::kernels::similarity
