// AVX-512 with VNNI and VBMI (Ice Lake, Zen 4 and later): 8-bit pixels times 8-bit digits of the
// coefficients, four taps in one multiply-add, without widening a pixel. Compiled with those flags: nothing
// with external linkage but the table entry, no std algorithms.
//
// A coefficient c within kLargest is d0 + 256 d1 + 65536 d2, each digit within -128 to 127, so that
//   sum of c * pixel = S0 + 256 S1 + 65536 S2,   Si = sum of di * pixel        (mod 2^32)
//
// Along rows, three channels (others are left to the plain AVX-512 kernel): 15 lanes of 32 bits, each with
// the four neighbouring samples of one channel. One byte permutation of a piece of the row fills them,
//   near, apart: a lane is an output's channel (5 outputs at once); taps go by in steps of four. Near pieces
//   come
//                out of 64 bytes, those further apart out of 128;
//   long:        the lanes hold 20 taps of one output, summed over in the end: for outputs far from each
//   other.
// Packed: a header, then per block of 5 outputs the permutation, then per step three vectors of digits.
#include <immintrin.h>

#include <cstring>

#include "kernels/resize/kernel.hpp"

namespace diptych::kernels::resize {
namespace {

constexpr std::size_t kBlock = 5;
constexpr std::size_t kLanes = 15;
constexpr std::size_t kVector = 64;
constexpr std::size_t kRows = 4;
constexpr std::size_t kHeader = kVector;
constexpr std::size_t kTapsOfLong = 20;

enum class Layout : std::uint32_t { near, apart, far };

struct Digits {
  std::int8_t of[3];
};

inline Digits digits_of(std::int32_t coefficient) noexcept {
  const auto lowest = static_cast<std::int8_t>(coefficient);
  const std::int32_t rest = (coefficient - lowest) >> 8;
  const auto middle = static_cast<std::int8_t>(rest);
  return {{lowest, middle, static_cast<std::int8_t>((rest - middle) >> 8)}};
}

inline std::size_t blocks_of(const Taps& taps) noexcept { return (taps.outputs + kBlock - 1) / kBlock; }
inline std::size_t steps_of_block(const Taps& taps) noexcept { return (taps.stride + 3) / 4; }
inline std::size_t steps_of_long(const Taps& taps) noexcept {
  return (taps.stride + kTapsOfLong - 1) / kTapsOfLong;
}

// The first and the last source of a block's first taps; mirrored axes run backwards.
struct Span {
  std::int32_t least;
  std::int32_t most;
};
inline Span span_of(const Taps& taps, std::size_t block) noexcept {
  Span span{taps.first[block * kBlock], taps.first[block * kBlock]};
  for (std::size_t i = block * kBlock; i < taps.outputs && i < (block + 1) * kBlock; ++i) {
    if (taps.first[i] < span.least) span.least = taps.first[i];
    if (taps.first[i] > span.most) span.most = taps.first[i];
  }
  return span;
}

Layout layout_of(const Taps& taps) noexcept {
  std::int32_t widest = 0;
  for (std::size_t block = 0; block < blocks_of(taps); ++block) {
    const Span span = span_of(taps, block);
    if (span.most - span.least > widest) widest = span.most - span.least;
  }
  // Bytes from the first sample of the nearest output to the last of the furthest, in one step.
  const std::int32_t reach = (widest + 4) * 3;
  if (reach <= 64) return Layout::near;
  return reach <= 128 ? Layout::apart : Layout::far;
}

std::size_t packed_size(const Taps& taps, std::size_t channels) noexcept {
  if (channels != 3) return avx512.packed_size(taps, channels);
  if (layout_of(taps) == Layout::far) return kHeader + taps.outputs * steps_of_long(taps) * 3 * kVector;
  return kHeader + blocks_of(taps) * (1 + steps_of_block(taps) * 3) * kVector;
}

// Digit vectors of one step: lane -> (weights of four taps).
inline void put_digits(std::byte* at, std::size_t lane, std::size_t tap, std::int32_t coefficient) noexcept {
  const Digits digits = digits_of(coefficient);
  for (std::size_t d = 0; d < 3; ++d) std::memcpy(at + d * kVector + 4 * lane + tap, &digits.of[d], 1);
}

inline std::int32_t weight(const Taps& taps, std::size_t output, std::size_t tap) noexcept {
  return tap < taps.stride ? taps.coefficients[output * taps.stride + tap] : 0;
}

void pack_blocks(const Taps& taps, std::byte* out) noexcept {
  const std::size_t steps = steps_of_block(taps);
  for (std::size_t block = 0; block < blocks_of(taps); ++block) {
    const std::int32_t base = span_of(taps, block).least;
    std::byte* const permutation = out;
    std::byte* const digits = out + kVector;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const std::size_t output = block * kBlock + lane / 3;
      if (output >= taps.outputs) break;
      for (std::size_t tap = 0; tap < 4; ++tap) {
        const auto from = static_cast<std::size_t>(taps.first[output] - base) + tap;
        permutation[4 * lane + tap] = static_cast<std::byte>(3 * from + lane % 3);
        for (std::size_t step = 0; step < steps; ++step) {
          put_digits(digits + step * 3 * kVector, lane, tap, weight(taps, output, 4 * step + tap));
        }
      }
    }
    out += (1 + steps * 3) * kVector;
  }
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
  if (channels != 3) {
    avx512.pack_horizontal(taps, channels, packed);
    return;
  }
  std::memset(packed, 0, packed_size(taps, channels));
  const Layout layout = layout_of(taps);
  std::memcpy(packed, &layout, sizeof layout);
  if (layout == Layout::far) {
    pack_long(taps, packed + kHeader);
  } else {
    pack_blocks(taps, packed + kHeader);
  }
}

inline __m512i load(const void* at) noexcept { return _mm512_loadu_si512(at); }

// S0 + 256 S1 + 65536 S2 of one row.
struct Sums {
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

template <bool kApart>
inline __m512i gather(const std::uint8_t* at, __m512i permutation) noexcept {
  if constexpr (kApart) return _mm512_permutex2var_epi8(load(at), permutation, load(at + kVector));
  return _mm512_permutexvar_epi8(permutation, load(at));
}

template <bool kApart>
void rows_in_blocks(const Horizontal& work, const Rows& rows) noexcept {
  const Taps& taps = work.taps;
  const std::size_t steps = steps_of_block(taps);
  const std::byte* packed = work.packed + kHeader;
  const __m512i half = _mm512_set1_epi32(1 << (kPrecisionBits - 1));
  for (std::size_t block = 0; block < blocks_of(taps); ++block, packed += (1 + steps * 3) * kVector) {
    const auto base = static_cast<std::size_t>(span_of(taps, block).least) * 3;
    const __m512i permutation = load(packed);
    const std::byte* digits = packed + kVector;
    Sums sums[kRows];
    for (auto& row : sums) row.begin(half);
    for (std::size_t step = 0; step < steps; ++step, digits += 3 * kVector) {
      const __m512i d0 = load(digits);
      const __m512i d1 = load(digits + kVector);
      const __m512i d2 = load(digits + 2 * kVector);
      for (std::size_t r = 0; r < kRows; ++r) {
        sums[r].add(gather<kApart>(rows.source[r] + base + 12 * step, permutation), d0, d1, d2);
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(rows.target[r] + 3 * kBlock * block),
                       clip8(sums[r].total()));
    }
  }
}

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
  const std::byte* digits = work.packed + kHeader;
  const __m512i half = _mm512_set1_epi32(1 << (kPrecisionBits - 1));
  alignas(kVector) std::uint8_t order[kVector];
  for (std::size_t i = 0; i < kVector; ++i) {
    const std::size_t lane = i / 4;
    order[i] = static_cast<std::uint8_t>(lane < kLanes ? 3 * (4 * (lane / 3) + i % 4) + lane % 3 : 0);
  }
  const __m512i permutation = load(order);
  for (std::size_t output = 0; output < taps.outputs; ++output) {
    const auto base = static_cast<std::size_t>(taps.first[output]) * 3;
    Sums sums[kRows];
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
  if (work.channels != 3) {
    avx512.horizontal(work);
    return;
  }
  Layout layout;
  std::memcpy(&layout, work.packed, sizeof layout);
  for (std::size_t row = 0; row < work.rows; row += kRows) {
    Rows rows;
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::size_t mine = row + r < work.rows ? row + r : work.rows - 1;  // the last row again
      rows.source[r] = work.source + mine * work.source_stride;
      rows.target[r] = work.target + mine * work.target_stride;
    }
    switch (layout) {
      case Layout::near:
        rows_in_blocks<false>(work, rows);
        break;
      case Layout::apart:
        rows_in_blocks<true>(work, rows);
        break;
      case Layout::far:
        rows_in_long(work, rows);
        break;
    }
  }
}

// Along columns: four rows are interleaved to [a b c d] per column, in the order that packing restores.
inline void vertical_block(const Vertical& work, const std::int32_t* digits, std::size_t count,
                           const std::uint8_t* source, std::uint8_t* target, __mmask64 mask) noexcept {
  const __m512i half = _mm512_set1_epi32(1 << (kPrecisionBits - 1));
  Sums sums[4];
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
                                    pack_horizontal, horizontal,     vertical};

}  // namespace diptych::kernels::resize
