// int8, bf16 and digits by AMX: a tile of 16 rows x 64 bytes, in place, times a tile of 64 bytes x 16
// queries, which is what a panel is. Two row tiles by two panels keep four sums, so that each loaded tile is
// used twice: 4 products of 16 cycles for 4 loads of 8. Digits have three sums for every pair of tiles, so
// two row tiles by one panel fill the registers: 12 products for 14 loads, most of them from the first-level
// cache.
//
// The sums are read back from memory by the vector units. To do that between the next block's products was
// measured: a fifth slower.
#include "kernels/similarity/amx-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

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
  // `at_once`: panels that a place has at most.
  Ahead(const Block& block, const Place& place, std::size_t at_once, std::size_t steps) noexcept
      : pieces_{pieces(block, place, 0, at_once, steps), pieces(block, place, 1, at_once, steps)} {
    const std::size_t nth = place.panel / at_once;
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
  static Pieces pieces(const Block& block, const Place& place, std::size_t i, std::size_t at_once,
                       std::size_t steps) noexcept {
    const std::size_t places = (block.panel_count + at_once - 1) / at_once;
    return {block.soon[i].per_row * place.rows / places, steps, 64};
  }

  Pieces pieces_[2];
  const std::byte* from_[2];
};

template <class Op, bool Lower, bool Second, class Sink>
[[gnu::always_inline]] inline void products(const Block& block, const Place& place, const Sink& sink,
                                            typename Op::Sums& sums) noexcept {
  Operands at{block.rows + place.row * block.stride, static_cast<long>(block.stride),
              block.panels + place.panel * panel_width * 4,
              static_cast<long>(block.panel_count * panel_width * 4)};
  Op::template zero<Lower, Second>();
  const std::size_t steps = block.words * 4 / (Op::tiles * tile_bytes);
  const std::size_t pieces = steps == 0 ? 1 : steps;
  const Ahead ahead(block, place, Op::panels, pieces);
  const Pieces to_fetch(place.rows, pieces, 1);
  for (std::size_t step = 0; step < steps; ++step) {
    ahead.fetch(step);
    sink.fetch(place, to_fetch.first(step), to_fetch.last(step));
    Op::template step<Lower, Second>(at);
    at.advance(Op::tiles);
  }
  Op::template store<Lower, Second>(sums);
}

template <class Op, class Sink>
void products(const Block& block, const Place& place, const Sink& sink, typename Op::Sums& sums) noexcept {
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
  typename Op::Sums sums;
  std::size_t configured = 0;
  while (row < block.count && sink.room()) {
    const std::size_t left = block.count - row;
    const std::size_t rows = Op::rows(left);
    if (rows != configured) {
      const std::size_t upper = rows < tile_rows ? rows : tile_rows;
      Op::configure_for(upper, rows - upper);
      configured = rows;
    }
    for (std::size_t panel = 0; panel < block.panel_count; panel += Op::panels) {
      const std::size_t panels = block.panel_count - panel;
      const Place place{row, rows, panel, panels < Op::panels ? panels : Op::panels};
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
  Values(const Block& block, const Place& place, std::size_t p, const typename Op::Sums& sums) noexcept
      : scale_(block.row_scale + place.row),
        offset_(block.row_offset + place.row),
        panel_(p),
        sums_(sums),
        query_scale_(F16::load(block.query_scale + (place.panel + p) * panel_width)) {}

  [[gnu::always_inline]] inline F16 at(std::size_t r) const noexcept {
    return simd::fma(Op::load(sums_, r, panel_) * F16::all(scale_[r]), query_scale_, F16::all(offset_[r]));
  }

 private:
  const float* scale_;
  const float* offset_;
  std::size_t panel_;
  const typename Op::Sums& sums_;
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
  [[gnu::always_inline]] inline void take(const Place& place, const typename Op::Sums& sums) const noexcept {
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
      for (std::size_t p = 0; p < place.panels; ++p) __builtin_prefetch(out + p * panel_width, 1, 3);
    }
  }
  [[gnu::always_inline]] inline void take(const Place& place, const typename Op::Sums& sums) const noexcept {
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

// Sixteen values as whole steps: their three digits in the three low bytes, the lowest in the lowest.
inline __m512i steps_of(F16 x, F16 inverse) noexcept {
  const __m512i middle = _mm512_set1_epi32(0x808080);
  return _mm512_xor_si512(_mm512_add_epi32(_mm512_cvtps_epi32((x * inverse).v), middle), middle);
}

// Four chains: one would wait for itself.
float largest(const float* x, std::size_t d) noexcept {
  F16 chain[4] = {F16::zero(), F16::zero(), F16::zero(), F16::zero()};
  std::size_t k = 0;
  for (; k + digit_width <= d; k += digit_width) {
    for (std::size_t i = 0; i < 4; ++i) {
      chain[i] = simd::max(chain[i], simd::abs(F16::load(x + k + i * panel_width)));
    }
  }
  for (; k < d; k += panel_width) {
    const std::size_t left = d - k;
    const F16 rest = left >= panel_width ? F16::load(x + k) : F16::load_first(x + k, left);
    chain[0] = simd::max(chain[0], simd::abs(rest));
  }
  return _mm512_reduce_max_ps(simd::max(simd::max(chain[0], chain[1]), simd::max(chain[2], chain[3])).v);
}

float split(const float* x, std::int8_t* digits, std::size_t d, const Soon& soon) noexcept {
  const float most = largest(x, d);
  const bool coded = most > least_coded;
  const F16 inverse = F16::all(coded ? most_steps / most : 0);
  const Pieces to_fetch(soon.per_row, (d + digit_width - 1) / digit_width, 64);
  for (std::size_t k = 0; k < d; k += digit_width, digits += digits_of_a_value * digit_width) {
    const std::size_t step = k / digit_width;
    for (std::size_t at = to_fetch.first(step); at < to_fetch.last(step); at += 64) {
      __builtin_prefetch(soon.from + at, 0, 2);
    }
    for (std::size_t i = 0; i < digit_width; i += panel_width) {
      const std::size_t left = d > k + i ? d - k - i : 0;
      const F16 values = left >= panel_width ? F16::load(x + k + i)
                         : left > 0          ? F16::load_first(x + k + i, left)
                                             : F16::zero();
      const __m512i steps = steps_of(values, inverse);
      const auto put = [&](std::size_t digit, __m512i low) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(digits + digit * digit_width + i),
                         _mm512_cvtepi32_epi8(low));
      };
      put(0, _mm512_srli_epi32(steps, 16));
      put(1, _mm512_srli_epi32(steps, 8));
      put(2, steps);
    }
  }
  return coded ? most / most_steps : 0;
}

}  // namespace

constinit const DigitsVariant amx_digits{{"amx", Family::amx, needs_amx, filter<Digits>, dense<Digits>, 1, 0},
                                         split};
constinit const Variant amx_int8{"amx", Family::amx, needs_amx, filter<Int8>, dense<Int8>, 4, 0};
constinit const Variant amx_bf16{"amx", Family::amx, needs_amx, filter<Bf16>, dense<Bf16>, 4, 0};

}  // namespace diptych::kernels::similarity
