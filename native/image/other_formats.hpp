// The names of formats that are not read, for the message that says so.
#pragma once

#include <string_view>

#include "image/bytes.hpp"

namespace diptych::image {

// By the first bytes; empty when they are of no format that is known here.
[[nodiscard]] std::string_view name_of_other_format(Bytes bytes) noexcept;

}  // namespace diptych::image
