// AVX2: 16 registers hold 6 rows x 2 halves of a panel, the panel and the broadcast.
#include "kernels/simd/avx2.hpp"

#define DIPTYCH_ROWS_VECTOR
#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/ops-inl.hpp"
#include "kernels/similarity/rows-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {

constinit const Variant avx2_fp32 = variant_of<Fp32<TileShape<1, 6>>>("avx2", Family::avx2, needs_avx2);
constinit const Variant avx2_bf16 = variant_of<Bf16<TileShape<1, 4>>>("avx2", Family::avx2, needs_avx2);
constinit const Variant avx2_int8 = variant_of<Int8<TileShape<1, 4>>>("avx2", Family::avx2, needs_avx2);
constinit const RowVariant avx2_rows = row_variant("avx2", Family::avx2, needs_avx2);

}  // namespace diptych::kernels::similarity
