#pragma once

#include <span>
#include <string_view>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// The rows' lengths, to double's precision, and with them the check that every value is finite: bad_input
// names `name` and the first row that holds a NaN or an infinity, row 0 being called `first_row`.
[[nodiscard]] base::Status row_norms(const Rows& rows, std::string_view name, std::span<double> norms,
                                     const Options& options, std::size_t first_row = 0);

// A scan that met a value that is not finite does so on some thread, in no particular order: the same
// failure, but naming the first such row. Any other status as it is.
[[nodiscard]] base::Status named_bad_row(base::Status status, const Rows& rows, std::string_view name,
                                         const Options& options, std::size_t first_row = 0);

}  // namespace diptych::similarity
