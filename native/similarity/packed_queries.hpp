// Queries made ready for a first pass: scaled to about unit length and packed into panels.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/status.hpp"
#include "kernels/similarity/kernel.hpp"
#include "similarity/codes.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// The true score of query q and a row is (value + shift(q)) * factor(q) * the rows' unit, up to the rows'
// radius.
class PackedQueries {
 public:
  PackedQueries() = default;
  ~PackedQueries();
  PackedQueries(const PackedQueries&) = delete;
  PackedQueries& operator=(const PackedQueries&) = delete;

  // Rows first .. first + count - 1, whose lengths are in `norms`; packed by options.threads threads.
  struct Source {
    const Rows& rows;
    std::size_t first;
    std::size_t count;
    std::span<const double> norms;
    const Options& options;
  };

  // In fp32. cosine: x / |x| rounded to float, factor 1. dot: x * 2^-e of length [0.5, 1), factor 2^e, so
  // that no sum can overflow. A zero row stays zero. `plainly`: row after row as well, for few queries.
  [[nodiscard]] base::Status pack_fp32(const kernels::similarity::Variant& variant, const Source& source,
                                       bool plainly);
  // The same values, each rounded to bfloat16.
  [[nodiscard]] base::Status pack_bf16(const kernels::similarity::Variant& variant, const Source& source);
  // The same values, each in three digits.
  [[nodiscard]] base::Status pack_digits(const kernels::similarity::DigitsVariant& variant,
                                         const Source& source);
  // Codes of x / |x| - centre; factor 1 for cosine, |x| for dot.
  [[nodiscard]] base::Status pack_int8(const kernels::similarity::Variant& variant, const Source& source,
                                       std::span<const float> centre, bool plainly);

  [[nodiscard]] const kernels::similarity::Variant& variant() const noexcept { return *variant_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t words() const noexcept { return words_; }
  // Queries of a full group.
  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] std::size_t groups() const noexcept { return (count_ + width_ - 1) / width_; }
  // Panels of this group; the last may have fewer than the others.
  [[nodiscard]] std::size_t panels_of(std::size_t group) const noexcept;
  [[nodiscard]] const std::byte* panels(std::size_t group) const noexcept {
    return panels_.data() + group * width_ * words_ * 4;
  }
  [[nodiscard]] std::size_t group_bytes(std::size_t group) const noexcept {
    return panels_of(group) * kernels::similarity::panel_width * words_ * 4;
  }
  // The scaled queries row after row; null unless packed so.
  [[nodiscard]] const float* plain() const noexcept { return plain_.data(); }
  // int8: codes raised by 128, row after row; null unless packed so.
  [[nodiscard]] const std::uint8_t* plain_codes() const noexcept { return plain_codes_.data(); }
  // g_q of the kernels, padded to whole panels.
  [[nodiscard]] const float* scale() const noexcept { return scale_.data(); }
  [[nodiscard]] double factor(std::size_t query) const noexcept { return factor_[query]; }
  [[nodiscard]] double shift(std::size_t query) const noexcept { return shift_[query]; }
  // int8: no query's dequantised codes are longer than this.
  [[nodiscard]] double code_length() const noexcept { return code_length_; }
  // int8: how far a query is from its dequantised codes: at most, at least, and how much farther one is than
  // the nearest.
  [[nodiscard]] double code_error() const noexcept { return code_error_; }
  [[nodiscard]] double least_code_error() const noexcept { return least_code_error_; }
  [[nodiscard]] double extra_code_error(std::size_t query) const noexcept { return extra_code_error_[query]; }
  // Whether intervals are narrower when rows carry the least error and each query adds its own for the
  // longest row, than when rows carry the largest error of all queries.
  [[nodiscard]] bool own_errors_pay(const CodeLengths& lengths) const noexcept;

 private:
  // What to multiply a query of this length by, its factor_ set to undo it.
  [[nodiscard]] double scaling(std::size_t query, double norm, Metric metric);
  // Scales one query to `to`, its factor_ set to undo it; leaves a zero query as it is.
  void scale_to(const Source& source, std::size_t query, float* to);
  // Turns up to sixteen queries of words_ words each, side by side in memory, into panel `first / 16`.
  void turn(std::size_t first, std::size_t count, const float* words);
  // Calls put(query, x, factor) for every query that is not zero: x as floats, and what scales it.
  template <class Put>
  [[nodiscard]] base::Status each(const Source& source, Put put);
  [[nodiscard]] base::Status reserve(const kernels::similarity::Variant& variant, std::size_t count,
                                     std::size_t words);
  // Word k of query q, within its group.
  [[nodiscard]] std::byte* lane(std::size_t query) noexcept;
  [[nodiscard]] std::size_t lane_step(std::size_t query) const noexcept;

  const kernels::similarity::Variant* variant_ = nullptr;
  std::size_t count_ = 0;
  std::size_t words_ = 0;
  std::size_t width_ = kernels::similarity::panel_width;
  base::AlignedBuffer<std::byte> panels_;
  base::AlignedBuffer<float> plain_;
  base::AlignedBuffer<std::uint8_t> plain_codes_;
  std::vector<float> scale_;
  std::vector<double> factor_;
  std::vector<double> shift_;
  double code_length_ = 0;
  double code_error_ = 0;
  double least_code_error_ = 0;
  std::vector<double> extra_code_error_;
  double all_extra_ = 0;  // their sum
};

}  // namespace diptych::similarity
