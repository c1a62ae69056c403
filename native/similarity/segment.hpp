// A run of corpus rows that are in memory together.
#pragma once

#include <cstddef>
#include <span>

#include "base/status.hpp"
#include "similarity/codes.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

struct Segment {
  Rows rows;
  // The row of the whole corpus that is row 0 here.
  std::size_t first = 0;
  // rows.rows lengths: known, or to be filled by the first scan (which then also finds NaNs).
  std::span<double> norms;
  bool norms_known = false;
  // Of a prepared corpus; empty otherwise.
  CodeView codes;

  [[nodiscard]] bool prepared() const noexcept { return codes.codes != nullptr; }
};

// Lengths good enough for a first pass (relative error (d / 64 + 8) * 2^-24), in one pass over the rows while
// they are in cache; false when a value is not finite.
[[nodiscard]] bool quick_norms(const Rows& rows, std::size_t first, std::span<double> norms);

}  // namespace diptych::similarity
