// A run of corpus rows that are in memory together.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/status.hpp"
#include "similarity/codes.hpp"
#include "similarity/mapped_file.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

struct Segment {
  Rows rows;
  // The row of the whole corpus that is row 0 here.
  std::size_t first = 0;
  // rows.rows lengths. Where they are not known yet, `to_fill` is the same memory: the first scan fills it,
  // and finds values that are not finite on the way. A scan for few queries fills in those of the rows alone
  // that it hands to its sink.
  std::span<const double> norms;
  std::span<double> to_fill;
  // Of a prepared corpus; empty otherwise.
  CodeView codes;

  // Where all this lies in a mapped file, which is told what was read of it.
  const MappedFile* file = nullptr;

  // `count` rows were scanned, by their codes or as they are.
  void read(bool by_codes, std::size_t count) const noexcept {
    if (file == nullptr) return;
    const std::size_t bytes = by_codes && prepared() ? codes.stride + sizeof(RowCode) : rows.stride();
    file->read(count * (bytes + sizeof(double)));
  }
  void read_single_rows(std::size_t count) const noexcept {
    if (file != nullptr && count > 0) file->read_places(count);
  }

  [[nodiscard]] bool prepared() const noexcept { return codes.codes != nullptr; }
};

// What a scan's failure says before the row is named (norms.hpp, named_bad_row).
inline constexpr std::string_view unnamed_bad_row = "a value is not finite";

// Lengths good enough for a first pass (relative error (d / 32 + 8) * 2^-24), in one pass over the rows while
// they are in cache; false when a value is not finite.
[[nodiscard]] bool quick_norms(const Rows& rows, std::size_t first, std::span<double> norms);
// Whether such sums alone tell all these lengths, and the rows can be multiplied as they are; `longest` is
// then the largest of the sums.
[[nodiscard]] bool plain_squares(std::size_t dim, std::span<const float> squares, float& longest) noexcept;
// The same from sums of squares that are at hand: floats, summed in 16 lanes.
[[nodiscard]] bool norms_from_squares(const Rows& rows, std::size_t first, std::span<const float> squares,
                                      std::span<double> norms);

}  // namespace diptych::similarity
