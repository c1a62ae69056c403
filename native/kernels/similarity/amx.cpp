// int8, bf16 and digits by AMX: a tile of 16 rows x 64 bytes, in place, times a tile of 64 bytes x 16
// queries, which is what a panel is. Two row tiles by two panels keep four sums, so that each loaded tile is
// used twice: 4 products of 16 cycles for 4 loads of 8. Digits have three sums for every pair of tiles, so
// two row tiles by one panel fill the registers: 12 products for 13 loads, most of them from the first-level
// cache. A group is what is multiplied at a time, so its panels stay in that cache while rows go by.
//
// The sums are read back from memory by the vector units. A filter does so between the products of the 32
// rows that follow, which take 16 cycles and few instructions each; dense scores are written at once (see
// write).
#include <algorithm>

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

template <class Op>
[[nodiscard]] std::size_t steps_of(const Block& block) noexcept {
  return block.words * 4 / (Op::tiles * tile_bytes);
}

// The sums of a place with one group of panels.
template <class Op, bool Lower, bool Second, class Between>
[[gnu::always_inline]] inline void products(const Block& block, const std::byte* panels, Ahead (&ahead)[2],
                                            Place<Op>& place, const Between& between) noexcept {
  Operands at{block.rows + place.row * block.stride, static_cast<long>(block.stride), panels,
              static_cast<long>((Second ? 2 : 1) * panel_width * 4)};
  const std::size_t steps = steps_of<Op>(block);
  Op::template zero<Lower, Second>();
  for (std::size_t step = 0; step < steps; ++step) {
    ahead[0].fetch();
    ahead[1].fetch();
    Op::template step<Lower, Second>(at, between);
    at.advance(Op::tiles);
  }
  Op::template store<Lower, Second>(place.sums);
}

template <class Op, bool Second, class Between>
[[gnu::always_inline]] inline void products(const Block& block, const std::byte* panels, Ahead (&ahead)[2],
                                            Place<Op>& place, const Between& between) noexcept {
  if (place.rows > tile_rows) {
    products<Op, true, Second>(block, panels, ahead, place, between);
  } else {
    products<Op, false, Second>(block, panels, ahead, place, between);
  }
}

// Tiles as high as the places ask for. Left configured they would be saved and restored at every context
// switch.
template <class Op>
class Tiles {
 public:
  Tiles() = default;
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  ~Tiles() {
    if (rows_ != 0) _tile_release();
  }
  void set(std::size_t rows) noexcept {
    if (rows == rows_) return;
    const std::size_t upper = rows < tile_rows ? rows : tile_rows;
    Op::configure_for(upper, rows - upper);
    rows_ = rows;
  }

 private:
  std::size_t rows_ = 0;
};

// The values of a place's rows with a group of panels, whose queries' scales are given.
template <class Op, bool Second>
class Values {
 public:
  static constexpr std::size_t panels = Second ? 2 : 1;

  Values(const Block& block, const float* query_scale) noexcept
      : row_scale_(block.row_scale), row_offset_(block.row_offset) {
    for (std::size_t p = 0; p < panels; ++p) query_scale_[p] = F16::load(query_scale + p * panel_width);
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
class Hits {
 public:
  Hits(const Block& block, Filter& filter) noexcept : values_(block, block.query_scale), filter_(filter) {
    for (std::size_t p = 0; p < panels; ++p) threshold_[p] = F16::load(filter.thresholds + p * panel_width);
  }
  // Whether the hits of the place at hand and of another one fit.
  [[nodiscard]] bool room() const noexcept {
    return filter_.capacity - filter_.count >= 2 * block_rows * panels * panel_width;
  }
  // Some rows of the place at hand, if any are left of a whole one.
  [[gnu::always_inline]] inline void some() noexcept {
    if (marked_ >= whole_) return;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Op::rows_at_a_turn; ++i) mark(marked_ + i);
    marked_ += Op::rows_at_a_turn;
  }
  // Multiplied; it stays as it is until another was.
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

template <class Op, bool Second>
[[gnu::always_inline]] inline std::size_t filter(const Block& block, std::size_t first,
                                                 Filter& filter) noexcept {
  Place<Op> places[2];
  Hits<Op, Second> hits(block, filter);
  const std::size_t steps = std::max<std::size_t>(steps_of<Op>(block), 1);
  Ahead ahead[2] = {{block.soon[0], block, first, steps}, {block.soon[1], block, first, steps}};
  const auto between = [&]() __attribute__((always_inline)) { hits.some(); };
  Tiles<Op> tiles;
  std::size_t row = first;
  for (std::size_t nth = 0; row < block.count && hits.room(); nth ^= 1) {
    Place<Op>& place = places[nth];
    place.row = row;
    place.rows = Op::rows(block.count - row);
    tiles.set(place.rows);
    products<Op, Second>(block, block.panels, ahead, place, between);
    hits.give(place);
    row += place.rows;
  }
  hits.end();
  return row;
}

template <class Op>
std::size_t filter(const Block& block, std::size_t first, Filter& hits) noexcept {
  if (Op::panels == 1 || block.panel_count == 1) return filter<Op, false>(block, first, hits);
  return filter<Op, Op::panels == 2>(block, first, hits);
}

// A place's scores, written at once: between products it is slower, since stores wait for memory. Lines are
// written whole, but must be fetched before: that is done meanwhile.
template <class Op, bool Second>
[[gnu::always_inline]] inline void write(const Block& block, std::size_t panel, const Dense& dense,
                                         Ahead (&ahead)[2], Place<Op>& place) noexcept {
  using Scores = Values<Op, Second>;
  const std::size_t first = panel * panel_width;
  if (first >= dense.columns) return;
  float* out = dense.out + place.row * dense.stride + first;
  const float* soon = out;
  const auto fetch = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Op::rows_at_a_turn; ++i, soon += dense.stride) {
      for (std::size_t p = 0; p < Scores::panels; ++p) __builtin_prefetch(soon + p * panel_width, 1, 3);
    }
  };
  products<Op, Second>(block, block.panels + first * block.words * 4, ahead, place, fetch);
  Scores scores(block, block.query_scale + first);
  scores.turn_to(place);
  const F16 low = F16::all(dense.low);
  const F16 high = F16::all(dense.high);
  const std::size_t columns = dense.columns - first;
  for (std::size_t r = 0; r < place.rows; ++r, out += dense.stride) {
    for (std::size_t p = 0; p < Scores::panels; ++p) {
      const F16 clipped = simd::min(simd::max(scores.at(r, p) + F16::zero(), low), high);
      const std::size_t from = p * panel_width;
      if (columns >= from + panel_width) {
        clipped.store(out + from);
      } else if (columns > from) {
        clipped.store_first(out + from, columns - from);
      }
    }
  }
}

template <class Op>
void dense(const Block& block, const Dense& dense) noexcept {
  Place<Op> place;
  const std::size_t groups = (block.panel_count + Op::panels - 1) / Op::panels;
  const std::size_t steps = std::max<std::size_t>(steps_of<Op>(block) * groups, 1);
  Ahead ahead[2] = {{block.soon[0], block, 0, steps}, {block.soon[1], block, 0, steps}};
  Tiles<Op> tiles;
  for (place.row = 0; place.row < block.count; place.row += place.rows) {
    place.rows = Op::rows(block.count - place.row);
    tiles.set(place.rows);
    for (std::size_t panel = 0; panel < block.panel_count; panel += Op::panels) {
      if (Op::panels == 1 || panel + 1 == block.panel_count) {
        write<Op, false>(block, panel, dense, ahead, place);
      } else {
        write<Op, Op::panels == 2>(block, panel, dense, ahead, place);
      }
    }
  }
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

// What is to be known of a row before it can be split.
struct Extent {
  float most;    // the largest magnitude
  float square;  // the sum of squares
};

Extent extent_of(const float* x, std::size_t d) noexcept {
  // Four chains of the one, since they may be joined in any order.
  F16 most[4] = {F16::zero(), F16::zero(), F16::zero(), F16::zero()};
  F16 square = F16::zero();
  const auto take = [&](std::size_t chain, F16 values) __attribute__((always_inline)) {
    most[chain] = simd::max(most[chain], simd::abs(values));
    square = simd::fma(values, values, square);
  };
  std::size_t k = 0;
  for (; k + digit_width <= d; k += digit_width) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) take(i, F16::load(x + k + i * panel_width));
  }
  for (; k < d; k += panel_width) {
    const std::size_t left = d - k;
    take(0, left >= panel_width ? F16::load(x + k) : F16::load_first(x + k, left));
  }
  const F16 all = simd::max(simd::max(most[0], most[1]), simd::max(most[2], most[3]));
  return {simd::largest(all), simd::sum(square)};
}

// Returns the step. Meanwhile `each` bytes are fetched for every digit_width values, from `soon` to `end`.
[[gnu::always_inline]] inline float split_row(const float* x, float most, std::int8_t* digits, std::size_t d,
                                              const std::byte* soon, const std::byte* end,
                                              std::size_t each) noexcept {
  const bool coded = most > least_coded;
  const F16 inverse = F16::all(coded ? most_steps / most : 0);
  for (std::size_t k = 0; k < d; k += digit_width, digits += digits_of_a_value * digit_width) {
    const std::byte* const stop = soon + each;
    for (; soon < stop && soon < end; soon += 64) __builtin_prefetch(soon, 0, 2);
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

// A row's extent is a chain of sums, each waiting for the one before: it is made while the row before is
// split.
void split(const Split& split) noexcept {
  const std::size_t parts = (split.dim + digit_width - 1) / digit_width;
  const std::size_t each =
      ((split.soon.per_row + parts - 1) / std::max<std::size_t>(parts, 1) + 63) / 64 * 64;
  Extent next{};
  for (std::size_t j = 0; j < split.count; ++j) {
    const float* const row = split.rows + j * split.stride;
    const Extent extent = j == 0 ? extent_of(row, split.dim) : next;
    if (j + 1 < split.count) next = extent_of(row + split.stride, split.dim);
    const std::byte* const soon = split.soon.from + j * split.soon.per_row;
    split.squares[j] = extent.square;
    split.steps[j] = split_row(row, extent.most, split.digits + j * split.digits_stride, split.dim, soon,
                               soon + split.soon.per_row, each);
  }
}

}  // namespace

constinit const DigitsVariant amx_digits{{"amx", Family::amx, needs_amx, filter<Digits>, dense<Digits>, 1, 0},
                                         split};
constinit const Variant amx_int8{"amx", Family::amx, needs_amx, filter<Int8>, dense<Int8>, 2, 0, 2};
constinit const Variant amx_bf16{"amx", Family::amx, needs_amx, filter<Bf16>, dense<Bf16>, 2, 0, 2};

}  // namespace diptych::kernels::similarity
