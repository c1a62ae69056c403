// AVX-512 with VNNI and VBMI (Ice Lake, Zen 4 and later): 8-bit pixels times 8-bit digits of the
// coefficients, four taps in one multiply-add, without widening a pixel. Compiled with those flags: nothing
// with external linkage but the table entry, no std algorithms.
//
// Both passes over RGB pictures: quads-inl.hpp. All else is left to the plain AVX-512 kernel.
#include <immintrin.h>

#include <cstring>

#include "kernels/resize/kernel.hpp"

namespace diptych::kernels::resize {
namespace {

// 15 lanes: five outputs' channels side by side, by one byte permutation.
class Gather {
 public:
  static constexpr std::size_t kBlock = 5;
  static constexpr std::size_t kPatterns = 1;

  static constexpr std::size_t lane(std::size_t output, std::size_t channel) noexcept {
    return 3 * output + channel;
  }
  static void put_pattern(std::byte* vectors, std::size_t output, std::size_t sources) noexcept {
    for (std::size_t at = 0; at < 12; ++at)
      vectors[12 * output + at] = static_cast<std::byte>(3 * (sources + at % 4) + at / 4);
  }
  explicit inline Gather(const std::byte* vectors) noexcept : bytes_(_mm512_loadu_si512(vectors)) {}

  template <bool kApart>
  [[nodiscard]] inline __m512i load(const std::uint8_t* source) const noexcept {
    const __m512i near = _mm512_loadu_si512(source);
    return kApart ? _mm512_permutex2var_epi8(near, bytes_, _mm512_loadu_si512(source + 64))
                  : _mm512_permutexvar_epi8(bytes_, near);
  }
  static inline __m512i close_up(__m512i quads) noexcept { return quads; }
  // The sum over five groups of three lanes, for four rows at once.
  static inline __m512i sum_outputs(const __m512i* rows) noexcept {
    const __m512i two = sum_pairs(rows[0], rows[1]);
    const __m512i other_two = sum_pairs(rows[2], rows[3]);
    const __m512i even = _mm512_setr_epi32(0, 1, 2, 15, 6, 7, 8, 15, 16, 17, 18, 15, 22, 23, 24, 15);
    const __m512i odd = _mm512_setr_epi32(3, 4, 5, 15, 9, 10, 11, 15, 19, 20, 21, 15, 25, 26, 27, 15);
    const __m512i four = _mm512_add_epi32(_mm512_permutex2var_epi32(two, even, other_two),
                                          _mm512_permutex2var_epi32(two, odd, other_two));
    const __m512i fifth = _mm512_shuffle_i32x4(_mm512_shuffle_i32x4(rows[0], rows[1], 0xff),
                                               _mm512_shuffle_i32x4(rows[2], rows[3], 0xff), 0x88);
    return _mm512_add_epi32(four, fifth);
  }

 private:
  // Groups 0 + 2 and 1 + 3 of one row, then of the other.
  static inline __m512i sum_pairs(__m512i row, __m512i other) noexcept {
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 21, 15, 15, 15, 15);
    const __m512i second = _mm512_setr_epi32(6, 7, 8, 9, 10, 11, 22, 23, 24, 25, 26, 27, 15, 15, 15, 15);
    return _mm512_add_epi32(_mm512_permutex2var_epi32(row, first, other),
                            _mm512_permutex2var_epi32(row, second, other));
  }

  __m512i bytes_;
};

#include "kernels/resize/quads-inl.hpp"

#include "kernels/resize/beside-avx512-inl.hpp"

}  // namespace

constinit const Variant avx512_vbmi = beside_avx512("avx512_vbmi", needs_avx512_vbmi);

}  // namespace diptych::kernels::resize
