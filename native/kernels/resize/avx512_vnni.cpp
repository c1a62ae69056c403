// AVX-512 with VNNI (Cascade Lake and later). Compiled with those flags: nothing with external linkage but
// the table entry, no std algorithms.
#include <immintrin.h>

#include <cstring>

#include "kernels/resize/kernel.hpp"

namespace diptych::kernels::resize {
namespace {

// A 128-bit lane per output, of which three 32-bit lanes are used: the words that hold the twelve bytes are
// brought there first, then its bytes are put in order.
class Gather {
 public:
  static constexpr std::size_t kBlock = 4;
  static constexpr std::size_t kPatterns = 2;

  static constexpr std::size_t lane(std::size_t output, std::size_t channel) noexcept {
    return 4 * output + channel;
  }
  static void put_pattern(std::byte* vectors, std::size_t output, std::size_t sources) noexcept {
    const std::size_t bytes = 3 * sources;
    for (std::size_t word = 0; word < 4; ++word) {
      const auto from = static_cast<std::int32_t>(bytes / 4 + word);
      std::memcpy(vectors + 4 * (4 * output + word), &from, sizeof from);
    }
    for (std::size_t at = 0; at < 16; ++at) {
      const std::size_t from = at < 12 ? bytes % 4 + 3 * (at % 4) + at / 4 : 0x80;
      vectors[64 + 16 * output + at] = static_cast<std::byte>(from);
    }
  }
  explicit inline Gather(const std::byte* vectors) noexcept
      : words_(_mm512_loadu_si512(vectors)), bytes_(_mm512_loadu_si512(vectors + 64)) {}

  template <bool kApart>
  [[nodiscard]] inline __m512i load(const std::uint8_t* source) const noexcept {
    const __m512i near = _mm512_loadu_si512(source);
    const __m512i words = kApart ? _mm512_permutex2var_epi32(near, words_, _mm512_loadu_si512(source + 64))
                                 : _mm512_permutexvar_epi32(words_, near);
    return _mm512_shuffle_epi8(words, bytes_);
  }
  static inline __m512i close_up(__m512i quads) noexcept {
    const __m512i used = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(used, quads);
  }
  // The sum over four 128-bit lanes, for four rows at once.
  static inline __m512i sum_outputs(const __m512i* rows) noexcept {
    const __m512i first = _mm512_add_epi32(_mm512_shuffle_i32x4(rows[0], rows[1], 0x44),
                                           _mm512_shuffle_i32x4(rows[0], rows[1], 0xee));
    const __m512i second = _mm512_add_epi32(_mm512_shuffle_i32x4(rows[2], rows[3], 0x44),
                                            _mm512_shuffle_i32x4(rows[2], rows[3], 0xee));
    return _mm512_add_epi32(_mm512_shuffle_i32x4(first, second, 0x88),
                            _mm512_shuffle_i32x4(first, second, 0xdd));
  }

 private:
  __m512i words_;
  __m512i bytes_;
};

#include "kernels/resize/quads-inl.hpp"

#include "kernels/resize/beside-avx512-inl.hpp"

}  // namespace

constinit const Variant avx512_vnni = beside_avx512("avx512_vnni", needs_avx512_vnni);

}  // namespace diptych::kernels::resize
