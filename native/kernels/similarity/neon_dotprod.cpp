// int8 by NEON's dot product instruction: four products of signed bytes per lane and instruction.
#include "kernels/simd/neon.hpp"

#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/ops-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

struct DotProduct : TileShape<1, 6> {
  using Acc = simd::W16;
  using Panel = simd::W16;
  static Acc start(const Block&, std::size_t) noexcept { return simd::W16::zero(); }
  static Panel load(const std::byte* p) noexcept { return simd::W16::load(p); }
  static int32x4_t broadcast(const std::byte* p) noexcept { return simd::all_words(p); }
  static Acc step(Acc acc, int32x4_t a, const Panel& b) noexcept {
    for (int i = 0; i < 4; ++i) {
      acc.v[i] = vdotq_s32(acc.v[i], vreinterpretq_s8_s32(b.v[i]), vreinterpretq_s8_s32(a));
    }
    return acc;
  }
  static F16 to_float(const Acc& acc) noexcept { return simd::to_float(acc); }
};

}  // namespace

constinit const Variant neon_dotprod_int8 =
    variant_of<DotProduct>("neon_dotprod", Family::neon, needs_neon_dotprod);

}  // namespace diptych::kernels::similarity
