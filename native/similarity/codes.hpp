// Rows as int8 codes, for the int8 pass: of a chunk on its way, or of a whole prepared corpus.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/similarity/kernel.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// What the pass must know of a row y (of unit length for cosine), with y' = y - centre:
struct RowCode {
  float scale;       // y' is near scale * code
  float error;       // at least |y' - scale * code|, with every rounding on the way
  float length;      // at least |y'|
  float centre_dot;  // y' . centre, computed
  float slack;       // at least the error of centre_dot, and of what float does with it
  std::int32_t sum;  // of the codes
};

// RowCode::length over all rows that are searched together; zeros where that is not known.
struct CodeLengths {
  float longest = 0;
  float average = 0;
};

[[nodiscard]] CodeLengths lengths_of(std::span<const RowCode> rows) noexcept;

// Views into codes; `stride` bytes from row to row, padded with zeros.
struct CodeView {
  const std::int8_t* codes = nullptr;
  std::size_t stride = 0;
  std::span<const RowCode> rows;
  CodeLengths lengths = {};

  [[nodiscard]] CodeView part(std::size_t first, std::size_t count) const noexcept {
    return {codes + first * stride, stride, rows.subspan(first, count), lengths};
  }
};

[[nodiscard]] std::size_t code_stride(std::size_t dim) noexcept;

// What rows are coded relative to.
class Centre {
 public:
  // Refers to `values`.
  explicit Centre(std::span<const float> values);
  [[nodiscard]] double length() const noexcept { return length_; }
  [[nodiscard]] std::span<const float> elements() const noexcept { return elements_; }
  // nullptr where it is the origin.
  [[nodiscard]] const float* values() const noexcept { return length_ > 0 ? elements_.data() : nullptr; }

 private:
  std::span<const float> elements_;
  double length_;
};

// Codes of the rows from `first` on, stats.size() of them, and their sums of squares (of use as those of
// RowVariant::few are). Of rows whose lengths are extreme or not finite the squares alone mean anything.
void make_codes(const Rows& rows, std::size_t first, Metric metric, const Centre& centre, std::int8_t* codes,
                std::span<kernels::similarity::CodeStats> stats, std::span<float> squares,
                const kernels::similarity::Soon& soon);
// What the pass must know of codable rows that make_codes coded; those of extreme length are coded anew.
void describe_codes(const Rows& rows, std::size_t first, std::span<const double> norms, Metric metric,
                    const Centre& centre, std::int8_t* codes, std::span<kernels::similarity::CodeStats> stats,
                    std::span<RowCode> out);

// Whether codes can stand for these rows: int8 products fit int32, and lengths are such that float holds them
// (any length will do for cosines).
[[nodiscard]] bool codable(std::size_t dim, std::span<const double> norms, Metric metric) noexcept;

// A point near the middle of the rows, from at most centre_rows of them: any point is right, a good one makes
// the codes' errors small. Unit rows for cosine. The origin where that is about as good, since it costs less.
inline constexpr std::size_t centre_rows = 256;
// Row number i of those: they are spread evenly.
[[nodiscard]] constexpr std::size_t centre_row(std::size_t i, std::size_t rows) noexcept {
  return i * rows / std::min(rows, centre_rows);
}
[[nodiscard]] std::vector<float> centre_of(const Rows& rows, Metric metric);

}  // namespace diptych::similarity
