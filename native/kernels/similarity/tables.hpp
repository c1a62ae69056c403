// Every variant that some file of this folder defines; variants.cpp puts those that this build has into
// tables.
#pragma once

#include "kernels/similarity/kernel.hpp"

namespace diptych::kernels::similarity {

extern const Variant reference_fp32;
extern const Variant reference_bf16;
extern const Variant reference_int8;
extern const DigitsVariant reference_digits;
extern const RowVariant reference_rows;
extern const Variant avx2_fp32;
extern const Variant avx2_bf16;
extern const Variant avx2_int8;
extern const RowVariant avx2_rows;
extern const Variant avx512_fp32;
extern const Variant avx512_bf16_emulated;
extern const Variant avx512_int8;
extern const RowVariant avx512_rows;
extern const Variant avx512_vnni_int8;
extern const Variant avx512_bf16_bf16;
extern const Variant amx_bf16;
extern const Variant amx_int8;
extern const DigitsVariant amx_digits;
extern const Variant neon_fp32;
extern const Variant neon_bf16;
extern const Variant neon_int8;
extern const Variant neon_dotprod_int8;
extern const RowVariant neon_rows;

}  // namespace diptych::kernels::similarity
