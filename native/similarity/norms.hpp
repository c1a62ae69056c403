#pragma once

#include <span>
#include <string_view>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// The rows' lengths, to double's precision, and with them the check that every value is finite: bad_input
// names `name` and the first row that holds a NaN or an infinity.
[[nodiscard]] base::Status row_norms(const Rows& rows, std::string_view name, std::span<double> norms,
                                     const Options& options);

}  // namespace diptych::similarity
