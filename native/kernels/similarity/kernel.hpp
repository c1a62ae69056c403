// Similarity kernels: the contract.
//
// Maths. For row y_j (row-major) and query x_q (packed), with s_j, o_j per row and g_q per query,
//   value(j, q) = fma(dot(y_j, x_q) * s_j, g_q, o_j),   dot in the layout's arithmetic:
//   fp32  one chain of fused multiply-adds, k ascending: |error| <= gamma_d * sum|y_k x_k|, gamma_d = d
//   u/(1-d u),
//         u = 2^-24. The chain is the same in every variant, so all of them give the same bits.
//   int8  exact in int32 (words * 4 <= 131072), so again the same bits everywhere.
//   digits  three int8 a value (DigitsVariant), six products each, exact in int32, joined in fp32: again the
//         same bits.
//   bf16  products exact, sums in fp32; the order is the instruction's own: |error| <= gamma_2d * sum|y_k
//   x_k|.
//
// Layout. Both operands are made of 32-bit words holding 1 float, 2 bfloat16 or 4 int8. Rows stay row-major,
// so a corpus needs no packing for fp32 and can be appended to and mapped in any layout. Queries are packed
// in panels of 16, up to Variant::group panels side by side in a group: word k of the group's query q is at
// [k * panels * 16 + q].
//
// Who owns: the caller owns everything. Nothing overlaps. Rows may be unaligned; panels are 64-byte aligned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/cpu_features.hpp"
#include "kernels/dispatch.hpp"

namespace diptych::kernels::similarity {

inline constexpr std::size_t panel_width = 16;
// Of a block: a variant may take fewer (Variant::group, Variant::groups_at_once).
inline constexpr std::size_t most_panels = 4;
// Rows per call are best a multiple of this: every tile height divides it.
inline constexpr std::size_t row_multiple = 48;
// The most values of a row whose int8 products cannot overflow int32.
inline constexpr std::size_t most_int8_dim = 131072;
// A row whose values are all this small has codes of zero: the inverse of its step might not be finite.
inline constexpr float least_coded = 0x1p-100f;
// Int8 and bf16 rows are padded with zeros to whole tiles of 64 bytes.
inline constexpr std::size_t code_padding = 64;

// Memory that will be wanted after this call, to be fetched into the second-level cache while it runs: the
// kernel asks for `per_row` bytes of it for every row. Only ever prefetched, so it may end anywhere.
struct Soon {
  const std::byte* from = nullptr;
  std::size_t per_row = 0;
};

// `count` rows against one group of queries.
struct Block {
  const std::byte* rows;
  std::size_t stride;  // bytes from row to row
  std::size_t count;
  const std::byte* panels;
  std::size_t panel_count;      // 1..Variant::group; for dense times Variant::groups_at_once
  std::size_t words;            // 32-bit words per row
  const float* row_scale;       // s_j, count of them
  const float* row_offset;      // o_j
  const std::int32_t* row_sum;  // int8 only: the sum of each row's codes (undoes Variant::query_bias)
  const float* query_scale;     // g_q, panel_count * 16
  Soon soon[2] = {};            // the next group's panels, the next rows
};

struct Hit {
  float value;
  std::uint32_t row;    // within the block
  std::uint32_t query;  // within the group
};

// Wants value >= threshold; a query that wants nothing has +infinity.
struct Filter {
  const float* thresholds;  // panel_count * 16
  Hit* hits;
  std::size_t capacity;  // at least max_tile_hits
  std::size_t count;     // grows
};
// A tile pushes at most this many hits, and starts only when they fit.
inline constexpr std::size_t max_tile_hits = 32 * panel_width * most_panels;

// out[j * stride + q] = min(max(value, low), high) for the first `columns` queries; -0 becomes +0.
struct Dense {
  float* out;
  std::size_t stride;  // floats
  std::size_t columns;
  float low;
  float high;
};

// A few queries against int8 rows that are read once: value(j, q) to values[j * query_count + q].
struct FewCodes {
  const Block& block;         // but for panels: `words` is a multiple of 16
  const std::uint8_t* codes;  // of the queries, row after row, each raised by 128
  std::size_t query_count;    // 1 .. most_few_queries
  float* values;
  bool two_streams;  // as Few's
};
inline constexpr std::size_t most_few_queries = 4;

// One layout's tile kernels.
struct Variant {
  std::string_view name;
  Family family;
  CpuFeatures needs;
  // Pushes the hits of rows first.. and returns the first row not looked at: block.count, or less when the
  // hits are full.
  std::size_t (*filter)(const Block& block, std::size_t first, Filter& filter) noexcept;
  // Takes the panels of up to `groups_at_once` groups that lie one after another.
  void (*dense)(const Block& block, const Dense& dense) noexcept;
  std::size_t group;
  // int8: what is to be added to each packed query code to make it unsigned (VNNI multiplies unsigned by
  // signed).
  std::int32_t query_bias;
  std::size_t groups_at_once = 1;
  // int8, for rows that are in memory: nullptr where `filter` is as quick. The same bits.
  void (*few)(const FewCodes& few) noexcept = nullptr;
};

// A value as a whole number of steps of its row, in three signed digits to the base 256.
inline constexpr std::size_t digits_of_a_value = 3;
// So many values' highest digits lie side by side, then their middle ones, then their lowest.
inline constexpr std::size_t digit_width = 64;
// Where the digits of value k lie among those: in fours, turned as registers of four lanes turn them.
[[nodiscard]] constexpr std::size_t digit_place(std::size_t k) noexcept {
  return k % 16 / 4 * 16 + k / 16 * 4 + k % 4;
}
// The largest number of steps. Three digits reach 127 * (2^16 + 2^8 + 1) = 8355711; what is below that is
// room for the rounding of the step's inverse.
inline constexpr float most_steps = 8355328;
// The most values of a row whose sums of digits cannot overflow int32: three products of 2^14 each.
inline constexpr std::size_t most_digits_dim = 32768;

// Rows to be split: each becomes digits, padded with zeros, and a step.
struct Split {
  const float* rows;
  std::size_t stride;  // floats from row to row
  std::size_t count;
  std::size_t dim;
  std::int8_t* digits;
  std::size_t digits_stride;  // bytes
  float* steps;               // count
  float* squares;             // count sums of squares, as RowVariant::few makes them
  Soon soon = {};
};

// Floats multiplied as int8, for instructions that multiply those thirty times as fast: with s_w the sum of
// the products of digits whose places make 2^(32 - 8 w) together, dot is fma(s_0, 2^16, fma(s_1, 2^8, s_2))
// in floats, in units of 2^16 steps of the row times steps of the query. The three smallest products of nine
// are left out. Rows and queries are both words of four digits, padded with zeros to whole digit_width
// values.
struct DigitsVariant : Variant {
  // A row's step is its largest magnitude / most_steps, 0 for a row that is all but zero; a value is off by
  // one step at most. Of rows that are not finite only the squares mean anything. The same bits in every
  // variant.
  void (*split)(const Split& split) noexcept;
};

[[nodiscard]] constexpr std::size_t words_of_digits(std::size_t dim) noexcept {
  return (dim + digit_width - 1) / digit_width * digit_width * digits_of_a_value / 4;
}

[[nodiscard]] std::span<const DigitsVariant> digits_variants() noexcept;
[[nodiscard]] std::span<const Variant> fp32_variants() noexcept;
[[nodiscard]] std::span<const Variant> int8_variants() noexcept;
[[nodiscard]] std::span<const Variant> bf16_variants() noexcept;

// high + low is the value to about 106 bits.
struct Pair {
  double high;
  double low;
};

// Rows as int8 codes: with y the row, divided by its length if `unit`, code_k * scale is near (y - centre)_k.
// 16 lanes (k % 16) are summed in float and joined by halves: what a sum is off by is at most
// (d / 16 + 8) * 2^-24 of the sum of its terms' magnitudes.
struct CodeStats {
  float scale;       // the largest |(y - centre)_k| / 127; 0 for a row that is all but zero
  float error;       // |y - centre - code * scale|
  float towards;     // y . centre
  std::int32_t sum;  // of the codes
};

struct Quantise {
  const float* rows;
  std::size_t stride;  // floats from row to row
  std::size_t count;
  std::size_t dim;
  const float* centre;  // nullptr: the origin
  bool unit;
  std::int8_t* codes;
  std::size_t codes_stride;  // bytes: dim rounded up to whole 16 at least, which are written
  CodeStats* stats;          // count
  float* squares;            // count sums of squares, as RowVariant::few makes them
  Soon soon = {};
};

// Added to a number between -2^22 and 2^22 it leaves the nearest integer, ties to even, in the lowest bits.
inline constexpr float to_integers = 0x1.8p23f;

// A few queries against `count` rows, which are read once, from end to end.
struct Few {
  const float* rows;
  std::size_t stride;  // floats from row to row
  std::size_t count;
  std::size_t dim;
  const float* queries;  // query_count * dim
  std::size_t query_count;
  float* dots;     // count * query_count
  float* squares;  // count sums of squares
  // Rows of the first half and of the second by turns, with nothing fetched ahead: two streams through
  // memory, for a CPU that follows them by itself.
  bool two_streams = false;
};

// Rows to be rounded: each becomes `dim` halves, padded with zeros to whole 16.
struct Halve {
  const float* rows;
  std::size_t stride;  // floats from row to row
  std::size_t count;
  std::size_t dim;
  std::uint16_t* halves;
  std::size_t halves_stride;  // values
  float* squares;             // count sums of squares, as RowVariant::few makes them
  Soon soon = {};
};

// Row by row kernels.
struct RowVariant {
  std::string_view name;
  Family family;
  CpuFeatures needs;
  // The inner product to twice the precision of double: products of floats are exact in double, and 16 lanes
  // (lane k % 16) are summed with their rounding errors kept (Ogita, Rump & Oishi 2005, Sum2), then joined in
  // a fixed order. The same bits in every variant. |error| <= 2^-53 |dot| + d^2 2^-105 sum|x_k y_k|.
  Pair (*dot_exact)(const float* x, const float* y, std::size_t d) noexcept;
  // Sums of squares of `count` rows, as `few` makes them; rows that are in cache are read at its speed.
  void (*squares)(const float* rows, std::size_t stride, std::size_t count, std::size_t dim,
                  float* out) noexcept;
  // In float, lanes in any order: |error| <= gamma_d * sum|x_k y_k|.
  float (*dot_fast)(const float* x, const float* y, std::size_t d) noexcept;
  // Sum of squares in double, relative error <= d * 2^-53. Not finite exactly when an element is not.
  double (*sum_squares)(const float* x, std::size_t d) noexcept;
  // dim <= 131072. Of rows that are not finite, or whose squares are, only the squares mean anything. The
  // same bits in every variant.
  void (*quantise)(const Quantise& quantise) noexcept;
  // Each value rounded to bfloat16, ties to even. Of rows that are not finite only the squares mean anything.
  // The same bits in every variant.
  void (*halve)(const Halve& halve) noexcept;
  // Inner products and sums of squares, 1 .. most_few_queries queries: fused multiply-adds in 16 lanes
  // (k % 16), joined by halves. The same bits in every variant; |error| <= gamma_(d/16+5) * sum|x_k y_k|.
  void (*few)(const Few& few) noexcept;
};

[[nodiscard]] std::span<const RowVariant> row_variants() noexcept;

}  // namespace diptych::kernels::similarity
