#include "similarity/norms.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "similarity/active.hpp"
#include "similarity/parallel.hpp"
#include "similarity/segment.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

Status row_norms(const Rows& rows, std::string_view name, std::span<double> norms, const Options& options,
                 std::size_t first_row) {
  constexpr std::size_t slab_rows = 4096;
  const std::size_t slabs = (rows.rows + slab_rows - 1) / slab_rows;
  // The smallest bad row, whichever thread meets it: the message must not depend on timing.
  std::atomic<std::size_t> bad{rows.rows};
  const Status status = for_each_slab(slabs, options, [&](std::size_t, std::size_t slab) {
    std::vector<float> scratch(rows.type == DType::float32 ? 0 : rows.dim);
    const std::size_t end = std::min(rows.rows, (slab + 1) * slab_rows);
    for (std::size_t i = slab * slab_rows; i < end; ++i) {
      const double square = active_rows().sum_squares(rows.floats(i, scratch.data()), rows.dim);
      norms[i] = std::sqrt(square);
      if (std::isfinite(square)) continue;
      std::size_t least = bad.load();
      while (i < least && !bad.compare_exchange_weak(least, i)) {
      }
      break;
    }
    return Status::good();
  });
  if (!status.ok() || bad == rows.rows) return status;
  return Status::fail(Code::bad_input, std::string(name) + ": row " + std::to_string(first_row + bad.load()) +
                                           " holds a NaN or an infinity; every value must be finite");
}

Status named_bad_row(Status status, const Rows& rows, std::string_view name, const Options& options,
                     std::size_t first_row) {
  if (status.code != Code::bad_input || status.message != unnamed_bad_row) return status;
  std::vector<double> norms(rows.rows);
  return row_norms(rows, name, norms, options, first_row);
}

}  // namespace diptych::similarity
