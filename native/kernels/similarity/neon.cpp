// NEON: 32 registers hold 6 rows x 4 quarters of a panel, the panel and the broadcast.
#include "kernels/simd/neon.hpp"

#define DIPTYCH_ROWS_VECTOR
#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/ops-inl.hpp"
#include "kernels/similarity/rows-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {

constinit const Variant neon_fp32 = variant_of<Fp32<TileShape<1, 6>>>("neon", Family::neon, CpuFeature::neon);
constinit const Variant neon_bf16 = variant_of<Bf16<TileShape<1, 4>>>("neon", Family::neon, CpuFeature::neon);
constinit const Variant neon_int8 = variant_of<Int8<TileShape<1, 4>>>("neon", Family::neon, CpuFeature::neon);
constinit const RowVariant neon_rows = row_variant("neon", Family::neon, CpuFeature::neon);

}  // namespace diptych::kernels::similarity
