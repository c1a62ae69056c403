// Every variant that some file of this folder defines; variants.cpp puts those that this build has into
// tables.
#pragma once

#include "kernels/similarity/kernel.hpp"

namespace diptych::kernels::similarity {

extern const Variant reference_fp32;
extern const RowVariant reference_rows;
extern const Variant avx2_fp32;
extern const RowVariant avx2_rows;
extern const Variant avx512_fp32;
extern const RowVariant avx512_rows;

}  // namespace diptych::kernels::similarity
