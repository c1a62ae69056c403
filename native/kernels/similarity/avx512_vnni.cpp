// int8 by AVX-512 VNNI: four products of unsigned query codes and signed row codes per lane and instruction.
// The queries' codes are raised by 128; each sum starts at -128 * (sum of the row's codes), which undoes that
// exactly.
#include "kernels/simd/avx512.hpp"

#include "kernels/similarity/body-inl.hpp"
#include "kernels/similarity/few-inl.hpp"
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

template <std::size_t Queries>
[[gnu::noinline]] void few_rows(const FewCodes& few) noexcept {
  const Block& block = few.block;
  const std::size_t ahead = few.two_streams ? 0 : 2048;
  for (std::size_t i = 0; i < block.count; ++i) {
    const std::size_t j = row_by_turns(i, block.count, few.two_streams);
    const std::byte* const row = block.rows + j * block.stride;
    __m512i sums[Queries];
    for (__m512i& sum : sums) sum = _mm512_setzero_si512();
    for (std::size_t k = 0; k < block.words; k += 16) {
      const __m512i codes = _mm512_loadu_si512(row + k * 4);
      __builtin_prefetch(row + k * 4 + ahead, 0, 3);
#pragma GCC unroll 4
      for (std::size_t q = 0; q < Queries; ++q) {
        sums[q] = Vnni::step(sums[q], codes, _mm512_loadu_si512(few.codes + (q * block.words + k) * 4));
      }
    }
    for (std::size_t q = 0; q < Queries; ++q) {
      const std::int32_t dot = _mm512_reduce_add_epi32(sums[q]) - 128 * block.row_sum[j];
      few.values[j * Queries + q] = __builtin_fmaf(static_cast<float>(dot) * block.row_scale[j],
                                                   block.query_scale[q], block.row_offset[j]);
    }
  }
}

void few(const FewCodes& few) noexcept {
  with_query_count(few.query_count, [&few](auto queries) { few_rows<decltype(queries)::value>(few); });
}

constexpr Variant with_few(Variant variant) noexcept {
  variant.few = few;
  return variant;
}

}  // namespace

constinit const Variant avx512_vnni_int8 =
    with_few(variant_of<Vnni>("avx512_vnni", Family::avx512, needs_avx512_vnni, 128));

}  // namespace diptych::kernels::similarity
