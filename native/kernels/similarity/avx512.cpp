// AVX-512: 32 registers hold 24 accumulators, 4 panel vectors and the broadcast.
#include "kernels/simd/avx512.hpp"

#define DIPTYCH_ROWS_VECTOR
#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/ops-inl.hpp"
#include "kernels/similarity/rows-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

using Words = TileShape<4, 12, 12, 8, 6>;
// Each word becomes two vectors.
using Pairs = TileShape<4, 12, 8, 6, 4>;

}  // namespace

constinit const Variant avx512_fp32 = variant_of<Fp32<Words>>("avx512", Family::avx512, needs_avx512);
constinit const Variant avx512_bf16_emulated =
    variant_of<Bf16<Pairs>>("avx512", Family::avx512, needs_avx512);
constinit const Variant avx512_int8 = variant_of<Int8<Pairs>>("avx512", Family::avx512, needs_avx512);
constinit const RowVariant avx512_rows = row_variant("avx512", Family::avx512, needs_avx512);

}  // namespace diptych::kernels::similarity
