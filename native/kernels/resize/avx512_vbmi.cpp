// AVX-512 with VNNI and VBMI (Ice Lake, Zen 4 and later): 8-bit pixels times 8-bit digits of the
// coefficients, four taps in one multiply-add, without widening a pixel. Compiled with those flags: nothing
// with external linkage but the table entry, no std algorithms.
//
// Both axes of RGB pictures: quads-inl.hpp. Along rows alone, and for outputs far from each other (a large
// picture made small): the lanes hold 20 taps of one output, summed over in the end. Packed for that: per
// output and step three vectors of digits, the lowest first. Other numbers of channels are left to the plain
// AVX-512 kernel.
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

 private:
  __m512i bytes_;
};

#include "kernels/resize/quads-inl.hpp"

constexpr std::size_t kLanes = 15;
constexpr std::size_t kTapsOfLong = 20;

inline std::size_t steps_of_long(const Taps& taps) noexcept {
  return (taps.stride + kTapsOfLong - 1) / kTapsOfLong;
}

// Short filters, and channels other than three, are the plain AVX-512 kernel's.
inline bool is_long(const Taps& taps, std::size_t channels) noexcept {
  return channels == 3 && taps.stride > kTapsOfLong;
}

std::size_t packed_size(const Taps& taps, std::size_t channels) noexcept {
  if (!is_long(taps, channels)) return avx512.packed_size(taps, channels);
  return taps.outputs * steps_of_long(taps) * 3 * kVector;
}

// Digit vectors of one step: lane -> (weights of four taps).
inline void put_digits(std::byte* at, std::size_t lane, std::size_t tap, std::int32_t coefficient) noexcept {
  const Digits digits = digits_of(coefficient);
  for (std::size_t d = 0; d < 3; ++d) std::memcpy(at + d * kVector + 4 * lane + tap, &digits.of[d], 1);
}

void pack_long(const Taps& taps, std::byte* out) noexcept {
  const std::size_t steps = steps_of_long(taps);
  for (std::size_t output = 0; output < taps.outputs; ++output) {
    for (std::size_t step = 0; step < steps; ++step, out += 3 * kVector) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        for (std::size_t tap = 0; tap < 4; ++tap) {
          put_digits(out, lane, tap, weight(taps, output, kTapsOfLong * step + 4 * (lane / 3) + tap));
        }
      }
    }
  }
}

void pack_horizontal(const Taps& taps, std::size_t channels, std::byte* packed) noexcept {
  if (!is_long(taps, channels)) {
    avx512.pack_horizontal(taps, channels, packed);
    return;
  }
  std::memset(packed, 0, packed_size(taps, channels));
  pack_long(taps, packed);
}

// The sums of the digits, lowest first.
struct LongSums {
  __m512i of[3];
  inline void begin(__m512i start) noexcept {
    of[0] = start;
    of[1] = of[2] = _mm512_setzero_si512();
  }
  inline void add(__m512i pixels, __m512i d0, __m512i d1, __m512i d2) noexcept {
    of[0] = _mm512_dpbusd_epi32(of[0], pixels, d0);
    of[1] = _mm512_dpbusd_epi32(of[1], pixels, d1);
    of[2] = _mm512_dpbusd_epi32(of[2], pixels, d2);
  }
  [[nodiscard]] inline __m512i total() const noexcept {
    const __m512i upper = _mm512_add_epi32(_mm512_slli_epi32(of[2], 8), of[1]);
    return _mm512_add_epi32(_mm512_slli_epi32(upper, 8), of[0]);
  }
};

// The lanes as bytes, clipped to 0..255.
inline __m128i clip8(__m512i sum) noexcept {
  const __m512i value = _mm512_srai_epi32(sum, kPrecisionBits);
  return _mm512_cvtusepi32_epi8(_mm512_max_epi32(value, _mm512_setzero_si512()));
}

struct Rows {
  const std::uint8_t* source[kRows];
  std::uint8_t* target[kRows];
};

// Sums of the five groups of lanes, in lanes 0 to 2.
inline __m512i add_groups(__m512i lanes) noexcept {
  const __m512i pairs =
      _mm512_add_epi32(lanes, _mm512_alignr_epi32(lanes, lanes, 3));  // 0+1, 2+3 at lanes 0 and 6
  const __m512i four = _mm512_add_epi32(pairs, _mm512_alignr_epi32(pairs, pairs, 6));
  return _mm512_add_epi32(four, _mm512_alignr_epi32(lanes, lanes, 12));
}

void rows_in_long(const Horizontal& work, const Rows& rows) noexcept {
  const Taps& taps = work.taps;
  const std::size_t steps = steps_of_long(taps);
  const std::byte* digits = work.packed;
  const __m512i half = _mm512_set1_epi32(1 << (kPrecisionBits - 1));
  alignas(kVector) std::uint8_t order[kVector];
  for (std::size_t i = 0; i < kVector; ++i) {
    const std::size_t lane = i / 4;
    order[i] = static_cast<std::uint8_t>(lane < kLanes ? 3 * (4 * (lane / 3) + i % 4) + lane % 3 : 0);
  }
  const __m512i permutation = load(order);
  for (std::size_t output = 0; output < taps.outputs; ++output) {
    const auto base = static_cast<std::size_t>(taps.first[output]) * 3;
    LongSums sums[kRows];
    for (auto& row : sums) row.begin(_mm512_setzero_si512());
    for (std::size_t step = 0; step < steps; ++step, digits += 3 * kVector) {
      const __m512i d0 = load(digits);
      const __m512i d1 = load(digits + kVector);
      const __m512i d2 = load(digits + 2 * kVector);
      for (std::size_t r = 0; r < kRows; ++r) {
        const __m512i bytes = load(rows.source[r] + base + 3 * kTapsOfLong * step);
        sums[r].add(_mm512_permutexvar_epi8(permutation, bytes), d0, d1, d2);
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      const int pixel = _mm_cvtsi128_si32(clip8(_mm512_add_epi32(add_groups(sums[r].total()), half)));
      std::memcpy(rows.target[r] + 3 * output, &pixel, 4);
    }
  }
}

void horizontal(const Horizontal& work) noexcept {
  if (!is_long(work.taps, work.channels)) {
    avx512.horizontal(work);
    return;
  }
  for (std::size_t row = 0; row < work.rows; row += kRows) {
    Rows rows;
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::size_t mine = row + r < work.rows ? row + r : work.rows - 1;  // the last row again
      rows.source[r] = work.source + mine * work.source_stride;
      rows.target[r] = work.target + mine * work.target_stride;
    }
    rows_in_long(work, rows);
  }
}

// Along columns: four rows are interleaved to [a b c d] per column, in the order that packing restores.
inline void vertical_block(const Vertical& work, const std::int32_t* digits, std::size_t count,
                           const std::uint8_t* source, std::uint8_t* target, __mmask64 mask) noexcept {
  const __m512i half = _mm512_set1_epi32(1 << (kPrecisionBits - 1));
  LongSums sums[4];
  for (auto& part : sums) part.begin(half);
  for (std::size_t tap = 0; tap < count; tap += 4, digits += 3) {
    __m512i row[4];
    for (std::size_t i = 0; i < 4; ++i) {
      // Behind the last tap the weight is 0 and the row does not matter.
      const std::size_t at = tap + i < count ? tap + i : tap;
      row[i] = _mm512_maskz_loadu_epi8(mask, source + at * work.source_stride);
    }
    const __m512i low01 = _mm512_unpacklo_epi8(row[0], row[1]);
    const __m512i high01 = _mm512_unpackhi_epi8(row[0], row[1]);
    const __m512i low23 = _mm512_unpacklo_epi8(row[2], row[3]);
    const __m512i high23 = _mm512_unpackhi_epi8(row[2], row[3]);
    const __m512i d0 = _mm512_set1_epi32(digits[0]);
    const __m512i d1 = _mm512_set1_epi32(digits[1]);
    const __m512i d2 = _mm512_set1_epi32(digits[2]);
    sums[0].add(_mm512_unpacklo_epi16(low01, low23), d0, d1, d2);
    sums[1].add(_mm512_unpackhi_epi16(low01, low23), d0, d1, d2);
    sums[2].add(_mm512_unpacklo_epi16(high01, high23), d0, d1, d2);
    sums[3].add(_mm512_unpackhi_epi16(high01, high23), d0, d1, d2);
  }
  __m512i values[4];
  for (std::size_t i = 0; i < 4; ++i) values[i] = _mm512_srai_epi32(sums[i].total(), kPrecisionBits);
  const __m512i bytes =
      _mm512_packus_epi16(_mm512_packs_epi32(values[0], values[1]), _mm512_packs_epi32(values[2], values[3]));
  _mm512_mask_storeu_epi8(target, mask, bytes);
}

void vertical(const Vertical& work) noexcept {
  // Digits of the taps of one output, three words a step of four taps. Longer filters than this are left to
  // the plain kernel: they shrink a picture to a 300th.
  constexpr std::size_t kMostTaps = 1024;
  if (work.taps.stride > kMostTaps) {
    avx512.vertical(work);
    return;
  }
  std::int32_t digits[kMostTaps / 4 * 3];
  for (std::size_t out = 0; out < work.taps.outputs; ++out) {
    const auto count = static_cast<std::size_t>(work.taps.counts[out]);
    for (std::size_t tap = 0; tap < (count + 3) / 4 * 4; ++tap) {
      const Digits parts = digits_of(tap < count ? weight(work.taps, out, tap) : 0);
      for (std::size_t d = 0; d < 3; ++d) {
        std::memcpy(reinterpret_cast<std::byte*>(&digits[tap / 4 * 3 + d]) + tap % 4, &parts.of[d], 1);
      }
    }
    const std::uint8_t* const source =
        work.source + static_cast<std::size_t>(work.taps.first[out]) * work.source_stride;
    std::uint8_t* const target = work.target + out * work.target_stride;
    for (std::size_t x = 0; x < work.bytes; x += kVector) {
      const std::size_t left = work.bytes - x;
      const __mmask64 mask = left >= kVector ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
      vertical_block(work, digits, count, source + x, target + x, mask);
    }
  }
}

}  // namespace

constinit const Variant avx512_vbmi{"avx512_vbmi",   Family::avx512, needs_avx512_vbmi, packed_size,
                                    pack_horizontal, horizontal,     vertical,          &both_passes};

}  // namespace diptych::kernels::resize
