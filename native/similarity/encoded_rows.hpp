// A few hundred rows made ready for a first pass.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/status.hpp"
#include "kernels/similarity/kernel.hpp"
#include "similarity/codes.hpp"
#include "similarity/packed_queries.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// Relative error of one fp32 score, as a multiple of |x| |y|: d fused multiply-adds and the roundings of the
// packed query, of the row's scale, of the product and of the offset (docs/exactness.md). Infinite where d is
// so large that nothing can be promised.
[[nodiscard]] double fp32_error(std::size_t dim) noexcept;
// The same for one product of floats by RowVariant::dot_fast, of rows whose lengths are in
// shortest_plain .. longest_plain, with what may underflow.
[[nodiscard]] double fp32_product_error(std::size_t dim) noexcept;
// Rows of such lengths are multiplied as they are: neither their sums with a row of length 1 nor their scale
// can leave float's normal range.
inline constexpr double shortest_plain = 0x1p-40;
inline constexpr double longest_plain = 0x1p40;
// The same for a bf16 score, in any order of summation.
[[nodiscard]] double bf16_error(std::size_t dim) noexcept;

// The same for a score made of digits, for a query and a row of any length.
[[nodiscard]] double digits_error(std::size_t dim) noexcept;

// Whether values carry their error bound upwards (for a filter that must not miss) or stand as they are: that
// of the true score, or of any score that is off by fp32_product_error at most.
enum class Bound : std::uint8_t { none, upper, upper_of_fp32 };

class EncodedRows {
 public:
  // Rows first .. first + count - 1 for the fp32 pass: in place where their lengths allow, else scaled
  // copies. With Bound::upper, value(j, q) is never below the true score (in the pass's units), and exceeds
  // it by at most 2 radius(j); with upper_of_fp32 the same holds of scores of floats.
  [[nodiscard]] base::Status encode_fp32(const Rows& rows, std::size_t first, std::size_t count,
                                         std::span<const double> norms, Metric metric, Bound bound);

  // The same in place, for rows whose lengths are all plain and not wanted but of the few that `settle` is
  // called for.
  void start_fp32(const Rows& rows, std::size_t first, std::size_t count, Metric metric, Bound bound);
  void settle(std::size_t row, double norm) noexcept;
  // No settled row's offset is larger, of rows not longer than this.
  [[nodiscard]] float most_offset(float longest) const noexcept;

  // The same for the bf16 pass and for that of digits, always in copies. Of the rows that follow `ahead` are
  // fetched meanwhile. Lengths that are not known yet (Segment::to_fill) are made from the same read.
  [[nodiscard]] base::Status encode_bf16(const Rows& rows, std::size_t first, std::size_t count,
                                         std::span<const double> norms, std::span<double> to_fill,
                                         Metric metric, Bound bound, std::size_t ahead);
  [[nodiscard]] base::Status encode_digits(const Rows& rows, std::size_t first, std::size_t count,
                                           std::span<const double> norms, std::span<double> to_fill,
                                           Metric metric, Bound bound, std::size_t ahead);
  // For the int8 pass: codes made now, with lengths that are not known yet from the same read ...
  [[nodiscard]] base::Status make_codes(const Rows& rows, std::size_t first, std::size_t count,
                                        std::span<double> to_fill, Metric metric, const Centre& centre,
                                        std::size_t ahead);
  // ... and taken into use where they are codable; `queries` are those to come.
  void encode_int8(const Rows& rows, std::size_t first, std::span<const double> norms, Metric metric,
                   const Centre& centre, const PackedQueries& queries, Bound bound, std::size_t ahead);
  // Those of a prepared corpus.
  void use_codes(const CodeView& codes, std::size_t dim, const Centre& centre, const PackedQueries& queries,
                 Bound bound);

  [[nodiscard]] kernels::similarity::Block block() const noexcept;
  // Whether the kernel reads the rows (or codes) where they lie.
  [[nodiscard]] bool in_place() const noexcept { return in_place_; }
  // Where the next `rows` rows lie that will be encoded, to be fetched ahead: those that are not already.
  [[nodiscard]] std::span<const std::byte> following(std::size_t rows) const noexcept {
    return {source_ + (count_ + ahead_) * source_stride_, (rows - std::min(rows, ahead_)) * source_stride_};
  }
  [[nodiscard]] double radius(std::size_t row) const noexcept { return radius_[row]; }
  // int8: what a query's extra_code_error is to be multiplied by, for a bound that rows do not carry: 0, or
  // the longest row's length.
  [[nodiscard]] double reach() const noexcept { return reach_; }
  // Scores are to be multiplied by this power of two: 1 unless metric is dot and a row's length is extreme.
  [[nodiscard]] double unit() const noexcept { return unit_; }

 private:
  // Rows where they lie, of lengths to be settled.
  void leave_in_place(const Rows& rows, std::size_t first, std::size_t count, Metric metric);
  void set_length(std::size_t row, double norm) noexcept;
  // Floats whose sums with a unit query stay in float's normal range: the rows where they lie, or copies.
  [[nodiscard]] base::Status settle_lengths(const Rows& rows, std::size_t first, std::size_t count,
                                            std::span<const double> norms, Metric metric);
  // Makes copies of floats that lie side by side, and their squares; meanwhile `soon` is fetched.
  using MakeCopies = base::Status (EncodedRows::*)(const std::byte* rows, std::size_t count, std::size_t dim,
                                                   const kernels::similarity::Soon& soon);
  // Copies, and all that is known of their lengths.
  [[nodiscard]] base::Status copy(MakeCopies make, const Rows& rows, std::size_t first, std::size_t count,
                                  std::span<const double> norms, std::span<double> to_fill, Metric metric,
                                  std::size_t ahead);
  // halves_ and squares_.
  [[nodiscard]] base::Status halve(const std::byte* rows, std::size_t count, std::size_t dim,
                                   const kernels::similarity::Soon& soon);
  // codes_, steps_ and squares_.
  [[nodiscard]] base::Status split(const std::byte* rows, std::size_t count, std::size_t dim,
                                   const kernels::similarity::Soon& soon);
  // What a radius is made of: error times the row's length, and what may have underflown.
  void set_error(double error, std::size_t dim, double underflown, Bound bound) noexcept;
  [[nodiscard]] float radius_of(double length) const noexcept;
  // radius and offset.
  void set_radius(double error, std::size_t dim, double underflown, Bound bound);
  [[nodiscard]] base::Status rescale(const Rows& rows, std::size_t first, std::span<const double> norms,
                                     Metric metric);

  const std::byte* rows_ = nullptr;
  bool in_place_ = false;
  const std::byte* source_ = nullptr;
  std::size_t source_stride_ = 0;
  std::size_t ahead_ = 0;
  std::size_t count_ = 0;
  std::size_t stride_ = 0;
  std::size_t words_ = 0;
  double unit_ = 1;
  double reach_ = 0;
  Metric metric_ = Metric::cosine;
  // radius: length times the one and the other.
  float per_length_ = 0;
  float least_ = 0;
  std::vector<float> scale_;
  std::vector<float> offset_;
  std::vector<float> radius_;
  std::vector<double> length_;  // |row| in the pass's units
  base::AlignedBuffer<float> copy_;
  base::AlignedBuffer<std::uint16_t> halves_;
  base::AlignedBuffer<std::int8_t> codes_;  // or digits
  std::vector<float> steps_;
  std::vector<float> squares_;
  std::vector<kernels::similarity::CodeStats> stats_;
  std::vector<RowCode> row_codes_;
  std::vector<std::int32_t> sums_;
};

}  // namespace diptych::similarity
