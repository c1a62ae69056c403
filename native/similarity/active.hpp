// The variants that this process uses, chosen once (kernels/dispatch.hpp).
#pragma once

#include "kernels/similarity/kernel.hpp"

namespace diptych::similarity {

[[nodiscard]] const kernels::similarity::Variant& active_fp32() noexcept;
[[nodiscard]] const kernels::similarity::DigitsVariant& active_digits() noexcept;
[[nodiscard]] const kernels::similarity::Variant& active_bf16() noexcept;
[[nodiscard]] const kernels::similarity::Variant& active_int8() noexcept;
[[nodiscard]] const kernels::similarity::RowVariant& active_rows() noexcept;

// Whether active_bf16 is much faster than active_fp32. Tiles are; AVX512-BF16 makes half the products of the
// FMA units in the same time (Sapphire Rapids, by `diptych bench machine` with DIPTYCH_KERNEL=avx512).
[[nodiscard]] bool bf16_is_fast() noexcept;

}  // namespace diptych::similarity
