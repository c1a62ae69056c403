// int8 by AVX-512 VNNI: four products of unsigned query codes and signed row codes per lane and instruction.
// The queries' codes are raised by 128; each sum starts at -128 * (sum of the row's codes), which undoes that
// exactly.
#include "kernels/simd/avx512.hpp"

#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/ops-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

struct Vnni : TileShape<4, 12, 12, 8, 6> {
  using Acc = __m512i;
  using Panel = __m512i;
  static Acc start(const Block& block, std::size_t row) noexcept {
    return _mm512_set1_epi32(-128 * block.row_sum[row]);
  }
  static Panel load(const std::byte* p) noexcept { return _mm512_load_si512(p); }
  static __m512i broadcast(const std::byte* p) noexcept { return simd::all_words(p); }
  static Acc step(Acc acc, __m512i a, Panel b) noexcept {
    // As assembly: with the intrinsic GCC 12 copies and spills the sums around every product.
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(b), "v"(a));
    return acc;
  }
  static F16 to_float(Acc acc) noexcept { return {_mm512_cvtepi32_ps(acc)}; }
};

}  // namespace

constinit const Variant avx512_vnni_int8 =
    variant_of<Vnni>("avx512_vnni", Family::avx512, needs_avx512_vnni, 128);

}  // namespace diptych::kernels::similarity
