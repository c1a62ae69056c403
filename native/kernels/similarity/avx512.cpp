// AVX-512: 32 registers hold 24 accumulators, 4 panel vectors and the broadcast.
#include "kernels/simd/avx512.hpp"

#define DIPTYCH_ROWS_VECTOR
#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/rows-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

struct Fp32 {
  using Acc = F16;
  using Panel = F16;
  static constexpr std::size_t group = 4;
  static constexpr int heights[4] = {12, 12, 8, 6};
  static Acc start(const Block&, std::size_t) noexcept { return F16::zero(); }
  static Panel load(const std::byte* p) noexcept { return F16::load(reinterpret_cast<const float*>(p)); }
  static F16 broadcast(const std::byte* p) noexcept { return F16::all(*reinterpret_cast<const float*>(p)); }
  static Acc step(Acc acc, F16 a, Panel b) noexcept { return simd::fma(a, b, acc); }
  static F16 to_float(Acc acc) noexcept { return acc; }
};

}  // namespace

constinit const Variant avx512_fp32{
    "avx512", Family::avx512, needs_avx512, filter<Fp32>, dense<Fp32>, Fp32::group, 0};
constinit const RowVariant avx512_rows{"avx512",  Family::avx512, needs_avx512,
                                       dot_exact, dot_fast,       sum_squares};

}  // namespace diptych::kernels::similarity
