// The variants that this process uses, chosen once (kernels/dispatch.hpp).
#pragma once

#include "kernels/similarity/kernel.hpp"

namespace diptych::similarity {

[[nodiscard]] const kernels::similarity::Variant& active_fp32() noexcept;
[[nodiscard]] const kernels::similarity::DigitsVariant& active_digits() noexcept;
[[nodiscard]] const kernels::similarity::Variant& active_bf16() noexcept;
[[nodiscard]] const kernels::similarity::Variant& active_int8() noexcept;
[[nodiscard]] const kernels::similarity::RowVariant& active_rows() noexcept;

// Whether active_bf16 has instructions of its own, at least twice as fast as those for floats.
[[nodiscard]] bool bf16_is_fast() noexcept;

}  // namespace diptych::similarity
