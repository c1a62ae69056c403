// bf16 by AVX512-BF16: two products per lane and instruction, summed in float without denormals.
#include "kernels/simd/avx512.hpp"

#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/ops-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

struct Pairs : TileShape<4, 12, 12, 8, 6> {
  using Acc = F16;
  using Panel = __m512i;
  static Acc start(const Block&, std::size_t) noexcept { return F16::zero(); }
  static Panel load(const std::byte* p) noexcept { return _mm512_load_si512(p); }
  static __m512i broadcast(const std::byte* p) noexcept { return simd::all_words(p); }
  static Acc step(Acc acc, __m512i a, Panel b) noexcept {
    // As assembly: with the intrinsic GCC 12 copies and spills the sums around every product.
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(acc.v) : "v"(b), "v"(a));
    return acc;
  }
  static F16 to_float(Acc acc) noexcept { return acc; }
};

}  // namespace

constinit const Variant avx512_bf16_bf16 =
    variant_of<Pairs>("avx512_bf16", Family::avx512, needs_avx512_bf16);

}  // namespace diptych::kernels::similarity
