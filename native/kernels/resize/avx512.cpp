// Compiled with AVX-512 flags: nothing with external linkage but the table entry, no std algorithms.
#include <immintrin.h>

#include <cstring>

#include "kernels/resize/kernel.hpp"

namespace diptych::kernels::resize {
namespace {

struct Wide {
  using Vector = __m512i;
  static constexpr std::size_t kLanes = 4;
  static constexpr std::size_t kBytes = 64;

  static Vector load(const std::uint8_t* p) noexcept { return _mm512_loadu_si512(p); }
  static __m128i load16(const std::uint8_t* p) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
  static Vector load_rows(const std::uint8_t* const* rows, std::size_t offset) noexcept {
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(rows[0] + offset)),
                                                load16(rows[1] + offset), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(load16(rows[2] + offset)),
                                                 load16(rows[3] + offset), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  static Vector load_lanes(const std::uint8_t* row, const std::int32_t* offsets) noexcept {
    Vector lanes =
        _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + offsets[0])));
    lanes = _mm512_inserti32x4(lanes, _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + offsets[1])), 1);
    lanes = _mm512_inserti32x4(lanes, _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + offsets[2])), 2);
    return _mm512_inserti32x4(lanes, _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + offsets[3])), 3);
  }
  static Vector shuffle(Vector bytes, Vector pattern) noexcept { return _mm512_shuffle_epi8(bytes, pattern); }
  static Vector madd(Vector a, Vector b) noexcept { return _mm512_madd_epi16(a, b); }
  static Vector add(Vector a, Vector b) noexcept { return _mm512_add_epi32(a, b); }
  template <int kBits>
  static Vector shift_left(Vector a) noexcept {
    return _mm512_slli_epi32(a, kBits);
  }
  static Vector shift_right(Vector a) noexcept { return _mm512_srai_epi32(a, kPrecisionBits); }
  static Vector set1_32(std::int32_t value) noexcept { return _mm512_set1_epi32(value); }
  static Vector set1_shuffle(const std::uint8_t* pattern) noexcept {
    return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(pattern)));
  }
  static void store_pixels(Vector sums, std::uint8_t* const* rows, std::size_t offset) noexcept {
    const Vector not_negative = _mm512_max_epi32(sums, _mm512_setzero_si512());
    alignas(16) std::int32_t pixels[4];
    _mm_store_si128(reinterpret_cast<__m128i*>(pixels), _mm512_cvtusepi32_epi8(not_negative));
    for (int lane = 0; lane < 4; ++lane) std::memcpy(rows[lane] + offset, &pixels[lane], 4);
  }
  static void store_rows(const Vector sums[4], std::uint8_t* const* rows, std::size_t offset) noexcept {
    // Lanes of [row 0, row 1, row 2, row 3], four bytes each, to sixteen bytes a row.
    const Vector order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const Vector bytes = _mm512_permutexvar_epi32(order, narrow(sums));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows[0] + offset), _mm512_castsi512_si128(bytes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows[1] + offset), _mm512_extracti32x4_epi32(bytes, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows[2] + offset), _mm512_extracti32x4_epi32(bytes, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(rows[3] + offset), _mm512_extracti32x4_epi32(bytes, 3));
  }
  static void widen_pairs(Vector a, Vector b, Vector out[4]) noexcept {
    const Vector zero = _mm512_setzero_si512();
    const Vector low = _mm512_unpacklo_epi8(a, b);
    const Vector high = _mm512_unpackhi_epi8(a, b);
    out[0] = _mm512_unpacklo_epi8(low, zero);
    out[1] = _mm512_unpackhi_epi8(low, zero);
    out[2] = _mm512_unpacklo_epi8(high, zero);
    out[3] = _mm512_unpackhi_epi8(high, zero);
  }
  static Vector narrow(const Vector sums[4]) noexcept {
    return _mm512_packus_epi16(_mm512_packs_epi32(sums[0], sums[1]), _mm512_packs_epi32(sums[2], sums[3]));
  }
  static void store_bytes(std::uint8_t* p, Vector v) noexcept { _mm512_storeu_si512(p, v); }
  static void store_bytes(std::uint8_t* p, Vector v, std::size_t count) noexcept {
    _mm512_mask_storeu_epi8(p, (__mmask64{1} << count) - 1, v);
  }
};

#include "kernels/resize/pairs-inl.hpp"

}  // namespace

constinit const Variant avx512{"avx512",        Family::avx512, needs_avx512, packed_size,
                               pack_horizontal, horizontal,     vertical};

}  // namespace diptych::kernels::resize
