// Compiled with AVX2 flags: nothing with external linkage but the table entry, no std algorithms.
#include <immintrin.h>

#include <cstring>

#include "kernels/resize/kernel.hpp"

namespace diptych::kernels::resize {
namespace {

struct Wide {
  using Vector = __m256i;
  static constexpr std::size_t kLanes = 2;
  static constexpr std::size_t kBytes = 32;

  static Vector load(const std::uint8_t* p) noexcept {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static Vector load_rows(const std::uint8_t* const* rows, std::size_t offset) noexcept {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[0] + offset));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[1] + offset));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  static Vector load_lanes(const std::uint8_t* row, const std::int32_t* offsets) noexcept {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + offsets[0]));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + offsets[1]));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  static Vector shuffle(Vector bytes, Vector pattern) noexcept { return _mm256_shuffle_epi8(bytes, pattern); }
  static Vector madd(Vector a, Vector b) noexcept { return _mm256_madd_epi16(a, b); }
  static Vector add(Vector a, Vector b) noexcept { return _mm256_add_epi32(a, b); }
  template <int kBits>
  static Vector shift_left(Vector a) noexcept {
    return _mm256_slli_epi32(a, kBits);
  }
  static Vector shift_right(Vector a) noexcept { return _mm256_srai_epi32(a, kPrecisionBits); }
  static Vector set1_32(std::int32_t value) noexcept { return _mm256_set1_epi32(value); }
  static Vector set1_shuffle(const std::uint8_t* pattern) noexcept {
    return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(pattern)));
  }
  static void store_pixels(Vector sums, std::uint8_t* const* rows, std::size_t offset) noexcept {
    const Vector words = _mm256_packs_epi32(sums, sums);
    const Vector bytes = _mm256_packus_epi16(words, words);
    const int first = _mm_cvtsi128_si32(_mm256_castsi256_si128(bytes));
    const int second = _mm_cvtsi128_si32(_mm256_extracti128_si256(bytes, 1));
    std::memcpy(rows[0] + offset, &first, 4);
    std::memcpy(rows[1] + offset, &second, 4);
  }
  static void store_rows(const Vector sums[4], std::uint8_t* const* rows, std::size_t offset) noexcept {
    // Lanes of [row 0, row 1, row 2, row 3], four bytes each, to eight bytes a row.
    const Vector order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const Vector bytes = _mm256_permutevar8x32_epi32(narrow(sums), order);
    const __m128i first = _mm256_castsi256_si128(bytes);
    const __m128i second = _mm256_extracti128_si256(bytes, 1);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(rows[0] + offset), first);
    _mm_storeh_pi(reinterpret_cast<__m64*>(rows[1] + offset), _mm_castsi128_ps(first));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(rows[2] + offset), second);
    _mm_storeh_pi(reinterpret_cast<__m64*>(rows[3] + offset), _mm_castsi128_ps(second));
  }
  static void widen_pairs(Vector a, Vector b, Vector out[4]) noexcept {
    const Vector zero = _mm256_setzero_si256();
    const Vector low = _mm256_unpacklo_epi8(a, b);
    const Vector high = _mm256_unpackhi_epi8(a, b);
    out[0] = _mm256_unpacklo_epi8(low, zero);
    out[1] = _mm256_unpackhi_epi8(low, zero);
    out[2] = _mm256_unpacklo_epi8(high, zero);
    out[3] = _mm256_unpackhi_epi8(high, zero);
  }
  static Vector narrow(const Vector sums[4]) noexcept {
    return _mm256_packus_epi16(_mm256_packs_epi32(sums[0], sums[1]), _mm256_packs_epi32(sums[2], sums[3]));
  }
  static void store_bytes(std::uint8_t* p, Vector v) noexcept {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
  }
  static void store_bytes(std::uint8_t* p, Vector v, std::size_t count) noexcept {
    alignas(32) std::uint8_t bytes[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(bytes), v);
    std::memcpy(p, bytes, count);
  }
};

#include "kernels/resize/pairs-inl.hpp"

}  // namespace

constinit const Variant avx2{"avx2",          Family::avx2, needs_avx2, packed_size,
                             pack_horizontal, horizontal,   vertical};

}  // namespace diptych::kernels::resize
