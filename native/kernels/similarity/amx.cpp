// int8, bf16 and digits by AMX: a tile of 16 rows x 64 bytes, in place, times a tile of 64 bytes x 16
// queries, which is what a panel is. Two row tiles by two panels keep four sums, so that each loaded tile is
// used twice: 4 products of 16 cycles for 4 loads of 8. Digits have three sums for every pair of tiles, so
// two row tiles by one panel fill the registers: 12 products for 14 loads, most of them from the first-level
// cache. A group is what is multiplied at a time, so its panels stay in that cache while rows go by.
//
// The sums are read back from memory by the vector units, between the products of the 32 rows that follow:
// products take 16 cycles and few instructions each.
#include "kernels/similarity/amx-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

// Up to 32 rows, and their sums with the block's panels.
template <class Op>
struct Place {
  std::size_t row = 0;
  std::size_t rows = 0;
  typename Op::Sums sums;
};

// What will be wanted soon (Block::soon), line by line while tiles multiply.
class Ahead {
 public:
  Ahead(const Soon& soon, const Block& block, std::size_t first, std::size_t steps) noexcept
      : at_(soon.from + first * soon.per_row),
        end_(soon.from + block.count * soon.per_row),
        each_((soon.per_row * block_rows + steps * 64 - 1) / (steps * 64) * 64) {}

  [[gnu::always_inline]] inline void fetch() noexcept {
    if (at_ >= end_) return;
    const std::byte* const stop = at_ + each_;
    for (; at_ < stop; at_ += 64) __builtin_prefetch(at_, 0, 2);
  }

 private:
  const std::byte* at_;
  const std::byte* end_;
  std::size_t each_;
};

template <class Op, bool Lower, bool Second, class Between>
[[gnu::always_inline]] inline void products(const Block& block, std::size_t steps, Ahead (&ahead)[2],
                                            Place<Op>& place, const Between& between) noexcept {
  Operands at{block.rows + place.row * block.stride, static_cast<long>(block.stride), block.panels,
              static_cast<long>((Second ? 2 : 1) * panel_width * 4)};
  Op::template zero<Lower, Second>();
  for (std::size_t step = 0; step < steps; ++step) {
    ahead[0].fetch();
    ahead[1].fetch();
    Op::template step<Lower, Second>(at, between);
    at.advance(Op::tiles);
  }
  Op::template store<Lower, Second>(place.sums);
}

// Every place of the block, rows ascending. The sink has
//   bool room(): whether it can take the places it was given, and one more;
//   void expect(row): the place from this row on is about to be multiplied;
//   void some(): something to do meanwhile, for Op::rows_at_a_turn rows;
//   void give(place): this place was multiplied, and stays as it is until another was;
//   void end(): that was the last.
// Stops before the first row that the sink has no room for and returns it.
template <class Op, bool Second, class Sink>
[[gnu::always_inline]] inline std::size_t each_place(const Block& block, std::size_t row,
                                                     Sink& sink) noexcept {
  Place<Op> places[2];
  const std::size_t steps = block.words * 4 / (Op::tiles * tile_bytes);
  Ahead ahead[2] = {{block.soon[0], block, row, steps == 0 ? 1 : steps},
                    {block.soon[1], block, row, steps == 0 ? 1 : steps}};
  const auto between = [&]() __attribute__((always_inline)) { sink.some(); };
  std::size_t configured = 0;
  for (std::size_t nth = 0; row < block.count && sink.room(); nth ^= 1) {
    Place<Op>& place = places[nth];
    place.row = row;
    place.rows = Op::rows(block.count - row);
    sink.expect(row);
    if (place.rows != configured) {
      const std::size_t upper = place.rows < tile_rows ? place.rows : tile_rows;
      Op::configure_for(upper, place.rows - upper);
      configured = place.rows;
    }
    if (place.rows > tile_rows) {
      products<Op, true, Second>(block, steps, ahead, place, between);
    } else {
      products<Op, false, Second>(block, steps, ahead, place, between);
    }
    sink.give(place);
    row += place.rows;
  }
  // Tiles left configured would be saved and restored at every context switch.
  if (configured != 0) _tile_release();
  sink.end();
  return row;
}

// The values of a place's rows with the block's panels.
template <class Op, bool Second>
class Values {
 public:
  static constexpr std::size_t panels = Second ? 2 : 1;

  explicit Values(const Block& block) noexcept : row_scale_(block.row_scale), row_offset_(block.row_offset) {
    for (std::size_t p = 0; p < panels; ++p) query_scale_[p] = F16::load(block.query_scale + p * panel_width);
  }
  void turn_to(const Place<Op>& place) noexcept {
    sums_ = &place.sums;
    scale_ = row_scale_ + place.row;
    offset_ = row_offset_ + place.row;
  }
  [[nodiscard]] [[gnu::always_inline]] inline F16 at(std::size_t row, std::size_t panel) const noexcept {
    return simd::fma(Op::load(*sums_, row, panel) * F16::all(scale_[row]), query_scale_[panel],
                     F16::all(offset_[row]));
  }

 private:
  const float* row_scale_;
  const float* row_offset_;
  F16 query_scale_[panels];
  const typename Op::Sums* sums_ = nullptr;
  const float* scale_ = nullptr;
  const float* offset_ = nullptr;
};

// Marks the hits of a place while the next one is multiplied.
template <class Op, bool Second>
class FilterSink {
 public:
  FilterSink(const Block& block, Filter& filter) noexcept : values_(block), filter_(filter) {
    for (std::size_t p = 0; p < panels; ++p) threshold_[p] = F16::load(filter.thresholds + p * panel_width);
  }
  [[nodiscard]] bool room() const noexcept {
    return filter_.capacity - filter_.count >= 2 * block_rows * panels * panel_width;
  }
  void expect(std::size_t) noexcept {}
  [[gnu::always_inline]] inline void some() noexcept {
    if (marked_ >= whole_) return;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Op::rows_at_a_turn; ++i) mark(marked_ + i);
    marked_ += Op::rows_at_a_turn;
  }
  void give(const Place<Op>& place) noexcept {
    end();
    values_.turn_to(place);
    first_ = place.row;
    rows_ = place.rows;
    whole_ = place.rows == block_rows ? block_rows : 0;
    marked_ = 0;
  }
  void end() noexcept {
    if (rows_ == 0) return;
    for (; marked_ < rows_; ++marked_) mark(marked_);
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < vectors; i += 32) {
      const __m512i part = _mm512_load_si512(marks_ + i);
      found |= static_cast<std::uint64_t>(_mm512_test_epi16_mask(part, part)) << i;
    }
    // What lies behind the last row is of an earlier place.
    found &= ~std::uint64_t{0} >> (64 - rows_ * panels);
    for (; found != 0; found &= found - 1) push(static_cast<std::size_t>(__builtin_ctzll(found)));
  }

 private:
  static constexpr std::size_t panels = Values<Op, Second>::panels;
  static constexpr std::size_t vectors = block_rows * panels;

  // Without a branch that would have to be foretold. A mark has a bit for each lane of a row's panel.
  [[gnu::always_inline]] inline void mark(std::size_t row) noexcept {
    for (std::size_t p = 0; p < panels; ++p) {
      marks_[row * panels + p] =
          static_cast<std::uint16_t>(simd::at_least(values_.at(row, p), threshold_[p]));
    }
  }
  void push(std::size_t nth) noexcept {
    const std::size_t row = nth / panels;
    const std::size_t panel = nth % panels;
    alignas(64) float lanes[panel_width];
    values_.at(row, panel).store(lanes);
    for (std::uint32_t mask = marks_[nth]; mask != 0; mask &= mask - 1) {
      const auto lane = static_cast<std::uint32_t>(__builtin_ctz(mask));
      filter_.hits[filter_.count++] = {lanes[lane], static_cast<std::uint32_t>(first_ + row),
                                       static_cast<std::uint32_t>(panel * panel_width) + lane};
    }
  }

  Values<Op, Second> values_;
  Filter& filter_;
  F16 threshold_[panels];
  std::size_t first_ = 0;  // of the place's rows
  std::size_t rows_ = 0;
  std::size_t whole_ = 0;  // how many of them some() may mark
  std::size_t marked_ = 0;
  alignas(64) std::uint16_t marks_[vectors] = {};
};

// Takes a place at once: to write between products is slower, since stores wait for memory.
template <class Op, bool Second>
class DenseSink {
 public:
  DenseSink(const Block& block, const Dense& dense) noexcept
      : values_(block), dense_(dense), low_(F16::all(dense.low)), high_(F16::all(dense.high)) {}

  [[nodiscard]] bool room() const noexcept { return true; }
  void expect(std::size_t row) noexcept { soon_ = dense_.out + row * dense_.stride; }
  // Lines will be written whole, but each must be fetched before it is.
  [[gnu::always_inline]] inline void some() noexcept {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Op::rows_at_a_turn; ++i, soon_ += dense_.stride) {
      for (std::size_t p = 0; p < panels; ++p) __builtin_prefetch(soon_ + p * panel_width, 1, 3);
    }
  }
  void give(const Place<Op>& place) noexcept {
    values_.turn_to(place);
    float* out = dense_.out + place.row * dense_.stride;
    for (std::size_t r = 0; r < place.rows; ++r, out += dense_.stride) {
      for (std::size_t p = 0; p < panels; ++p) {
        const F16 clipped = simd::min(simd::max(values_.at(r, p) + F16::zero(), low_), high_);
        const std::size_t from = p * panel_width;
        if (dense_.columns >= from + panel_width) {
          clipped.store(out + from);
        } else if (dense_.columns > from) {
          clipped.store_first(out + from, dense_.columns - from);
        }
      }
    }
  }
  void end() noexcept {}

 private:
  static constexpr std::size_t panels = Values<Op, Second>::panels;

  Values<Op, Second> values_;
  const Dense& dense_;
  F16 low_;
  F16 high_;
  const float* soon_ = nullptr;
};

template <class Op, template <class, bool> class Sink, class To>
std::size_t each_place(const Block& block, std::size_t first, To& to) noexcept {
  if constexpr (Op::panels == 2) {
    if (block.panel_count == 2) {
      Sink<Op, true> sink(block, to);
      return each_place<Op, true>(block, first, sink);
    }
  }
  Sink<Op, false> sink(block, to);
  return each_place<Op, false>(block, first, sink);
}

template <class Op>
std::size_t filter(const Block& block, std::size_t first, Filter& filter) noexcept {
  return each_place<Op, FilterSink>(block, first, filter);
}

template <class Op>
void dense(const Block& block, const Dense& dense) noexcept {
  each_place<Op, DenseSink>(block, 0, dense);
}

// Sixteen values as whole steps, whose digits are their three low bytes. Of each four values the highest
// digits side by side, the middle ones, the lowest.
inline __m512i digits_of(F16 x, F16 inverse) noexcept {
  const __m512i middle = _mm512_set1_epi32(0x808080);
  const __m512i steps =
      _mm512_xor_si512(_mm512_add_epi32(_mm512_cvtps_epi32((x * inverse).v), middle), middle);
  const __m512i by_digit =
      _mm512_broadcast_i32x4(_mm_setr_epi8(2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, 3, 7, 11, 15));
  return _mm512_shuffle_epi8(steps, by_digit);
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
  const std::size_t parts = (d + digit_width - 1) / digit_width;
  const std::size_t each = ((soon.per_row + parts - 1) / parts + 63) / 64 * 64;
  for (std::size_t k = 0; k < d; k += digit_width, digits += digits_of_a_value * digit_width) {
    const std::size_t first = k / digit_width * each;
    for (std::size_t at = first; at < first + each && at < soon.per_row; at += 64) {
      __builtin_prefetch(soon.from + at, 0, 2);
    }
    __m512i fours[4];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t at = k + i * panel_width;
      const std::size_t left = d > at ? d - at : 0;
      const F16 values = left >= panel_width ? F16::load(x + at)
                         : left > 0          ? F16::load_first(x + at, left)
                                             : F16::zero();
      fours[i] = digits_of(values, inverse);
    }
    const __m512i upper[2] = {_mm512_unpacklo_epi32(fours[0], fours[1]),
                              _mm512_unpacklo_epi32(fours[2], fours[3])};
    const __m512i lower[2] = {_mm512_unpackhi_epi32(fours[0], fours[1]),
                              _mm512_unpackhi_epi32(fours[2], fours[3])};
    const auto put = [&](std::size_t digit, __m512i of_all) {
      _mm512_storeu_si512(digits + digit * digit_width, of_all);
    };
    put(0, _mm512_unpacklo_epi64(upper[0], upper[1]));
    put(1, _mm512_unpackhi_epi64(upper[0], upper[1]));
    put(2, _mm512_unpacklo_epi64(lower[0], lower[1]));
  }
  return coded ? most / most_steps : 0;
}

}  // namespace

constinit const DigitsVariant amx_digits{{"amx", Family::amx, needs_amx, filter<Digits>, dense<Digits>, 1, 0},
                                         split};
constinit const Variant amx_int8{"amx", Family::amx, needs_amx, filter<Int8>, dense<Int8>, 2, 0};
constinit const Variant amx_bf16{"amx", Family::amx, needs_amx, filter<Bf16>, dense<Bf16>, 2, 0};

}  // namespace diptych::kernels::similarity
