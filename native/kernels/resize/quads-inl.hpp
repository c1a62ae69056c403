// Both passes over RGB pictures by 8-bit multiply-adds (VNNI), four taps in one instruction. Included by one
// file per instruction set, after it has defined `Gather` (below); everything is in that file's unnamed
// namespace.
//
// A coefficient c within kLargest is d0 + 256 d1 + 65536 d2, each digit within -128 to 127, so that
//   sum of c * pixel = (S2 * 256 + S1) * 256 + S0,   Si = sum of di * pixel        (mod 2^32)
//
// Along rows, four rows at once: a 32-bit lane holds the four neighbouring samples of one channel that a tap
// step reads, `Gather` fills the lanes of kBlock outputs. The rows' results are stored interleaved, so that
// the lane of a sample holds four rows of it, a "quad": what the pass along columns multiplies, without any
// shuffle. Its taps begin at whole quads, with zero weights before the first.
//
// Packed rows: per block of kBlock outputs its first byte (int32 each, padded), then per block the gather's
// patterns and kSteps x 3 vectors of digits, the highest digits first. Packed columns: per output the first
// quad, the number of steps, and where its digits begin (3 x uint32), then the digits, one uint32 of four
// taps each.
//
// `Gather` offers: kBlock outputs a vector; lane(output, channel); kPatterns vectors of its own, written by
// put_pattern(vectors, output, sources after the block's first) and taken by its constructor;
// load<kApart>(source), out of 64 bytes or out of 128; close_up(quads), which moves the block's samples to
// the front.

constexpr std::size_t kVector = 64;
constexpr std::size_t kRows = 4;
// Steps that have code of their own.
constexpr std::size_t kMostKnown = 4;

struct Digits {
  std::int8_t of[3];
};

inline Digits digits_of(std::int32_t coefficient) noexcept {
  const auto lowest = static_cast<std::int8_t>(coefficient);
  const std::int32_t rest = (coefficient - lowest) >> 8;
  const auto middle = static_cast<std::int8_t>(rest);
  return {{lowest, middle, static_cast<std::int8_t>((rest - middle) >> 8)}};
}

inline std::int32_t weight(const Taps& taps, std::size_t output, std::size_t tap) noexcept {
  return tap < taps.stride ? taps.coefficients[output * taps.stride + tap] : 0;
}

inline std::size_t most_taps(const Taps& taps) noexcept {
  std::int32_t most = 1;
  for (std::size_t i = 0; i < taps.outputs; ++i) most = taps.counts[i] > most ? taps.counts[i] : most;
  return static_cast<std::size_t>(most);
}

inline std::size_t steps_of_rows(const Taps& taps) noexcept { return (most_taps(taps) + 3) / 4; }
inline std::size_t blocks_of_rows(const Taps& taps) noexcept {
  return (taps.outputs + Gather::kBlock - 1) / Gather::kBlock;
}
inline std::size_t bases_size(const Taps& taps) noexcept {
  return (blocks_of_rows(taps) * sizeof(std::int32_t) + kVector - 1) / kVector * kVector;
}

// The first and the last source of a block's first taps; mirrored axes run backwards.
struct Extent {
  std::int32_t least;
  std::int32_t most;
};
inline Extent extent_of(const Taps& taps, std::size_t block) noexcept {
  const std::size_t begin = block * Gather::kBlock;
  Extent extent{taps.first[begin], taps.first[begin]};
  for (std::size_t i = begin; i < taps.outputs && i < begin + Gather::kBlock; ++i) {
    extent.least = taps.first[i] < extent.least ? taps.first[i] : extent.least;
    extent.most = taps.first[i] > extent.most ? taps.first[i] : extent.most;
  }
  return extent;
}

// Bytes from a block's first sample to its last in one step, at most.
inline std::size_t reach_of(const Taps& taps) noexcept {
  std::int32_t widest = 0;
  for (std::size_t block = 0; block < blocks_of_rows(taps); ++block) {
    const Extent extent = extent_of(taps, block);
    widest = extent.most - extent.least > widest ? extent.most - extent.least : widest;
  }
  return (static_cast<std::size_t>(widest) + 4) * 3;
}

// Outputs near enough for blocks, and nothing read further behind the source than may be.
inline bool in_blocks(const Taps& x) noexcept {
  return reach_of(x) <= 2 * kVector && 12 * steps_of_rows(x) + 2 * kVector <= kReadOverrun;
}

constexpr std::size_t kFarTaps = 4 * Gather::kBlock;
inline std::size_t far_steps(const Taps& taps, std::size_t output) noexcept {
  return (static_cast<std::size_t>(taps.counts[output]) + kFarTaps - 1) / kFarTaps;
}

// The digits of one tap into vectors of the highest, the middle and the lowest ones, `apart` bytes from each
// other.
inline void put_digits(std::byte* vectors, std::size_t apart, std::size_t lane, std::size_t tap,
                       std::int32_t coefficient) noexcept {
  const Digits digits = digits_of(coefficient);
  for (std::size_t d = 0; d < 3; ++d)
    std::memcpy(vectors + (2 - d) * apart + 4 * lane + tap, &digits.of[d], 1);
}

void pack_blocks(const Taps& x, std::byte* packed) noexcept {
  const std::size_t steps = steps_of_rows(x);
  std::byte* out = packed + bases_size(x);
  for (std::size_t block = 0; block < blocks_of_rows(x); ++block) {
    const std::int32_t least = extent_of(x, block).least;
    const std::int32_t base = 3 * least;
    std::memcpy(packed + block * sizeof base, &base, sizeof base);
    for (std::size_t i = 0; i < Gather::kBlock && block * Gather::kBlock + i < x.outputs; ++i) {
      const std::size_t output = block * Gather::kBlock + i;
      Gather::put_pattern(out, i, static_cast<std::size_t>(x.first[output] - least));
      for (std::size_t tap = 0; tap < 4 * steps; ++tap) {
        std::byte* const vectors = out + (Gather::kPatterns + tap / 4) * kVector;
        for (std::size_t channel = 0; channel < 3; ++channel)
          put_digits(vectors, steps * kVector, Gather::lane(i, channel), tap % 4, weight(x, output, tap));
      }
    }
    out += (Gather::kPatterns + steps * 3) * kVector;
  }
}

void pack_far(const Taps& x, std::byte* packed) noexcept {
  for (std::size_t i = 0; i < Gather::kBlock; ++i) Gather::put_pattern(packed, i, 4 * i);
  std::byte* out = packed + Gather::kPatterns * kVector;
  for (std::size_t output = 0; output < x.outputs; ++output) {
    for (std::size_t step = 0; step < far_steps(x, output); ++step, out += 3 * kVector) {
      for (std::size_t tap = 0; tap < kFarTaps; ++tap) {
        for (std::size_t channel = 0; channel < 3; ++channel)
          put_digits(out, kVector, Gather::lane(tap / 4, channel), tap % 4,
                     weight(x, output, step * kFarTaps + tap));
      }
    }
  }
}

std::size_t packed_rows_size(const Taps& x) noexcept {
  if (in_blocks(x))
    return bases_size(x) + blocks_of_rows(x) * (Gather::kPatterns + steps_of_rows(x) * 3) * kVector;
  std::size_t steps = 0;
  for (std::size_t output = 0; output < x.outputs; ++output) steps += far_steps(x, output);
  return (Gather::kPatterns + 3 * steps) * kVector;
}

void pack_rows(const Taps& x, std::byte* packed) noexcept {
  std::memset(packed, 0, packed_rows_size(x));
  if (in_blocks(x)) {
    pack_blocks(x, packed);
  } else {
    pack_far(x, packed);
  }
}

struct Column {
  std::uint32_t quad;
  std::uint32_t steps;
  std::uint32_t digits;
};

inline Column column_of(const Taps& y, std::size_t output, std::size_t digits) noexcept {
  const auto first = static_cast<std::size_t>(y.first[output]);
  const auto count = static_cast<std::size_t>(y.counts[output]);
  return {static_cast<std::uint32_t>(first / 4), static_cast<std::uint32_t>((first % 4 + count + 3) / 4),
          static_cast<std::uint32_t>(digits)};
}

std::size_t packed_columns_size(const Taps& y) noexcept {
  std::size_t digits = 0;
  for (std::size_t output = 0; output < y.outputs; ++output) digits += 3 * column_of(y, output, 0).steps;
  return y.outputs * sizeof(Column) + digits * sizeof(std::uint32_t);
}

void pack_columns(const Taps& y, std::byte* packed) noexcept {
  std::memset(packed, 0, packed_columns_size(y));
  std::byte* const words = packed + y.outputs * sizeof(Column);
  std::size_t at = 0;
  for (std::size_t output = 0; output < y.outputs; ++output) {
    const Column column = column_of(y, output, at);
    std::memcpy(packed + output * sizeof column, &column, sizeof column);
    const auto before = static_cast<std::size_t>(y.first[output]) % 4;
    for (std::size_t tap = 0; tap < static_cast<std::size_t>(y.counts[output]); ++tap) {
      const std::size_t place = before + tap;
      put_digits(words + 4 * at, 4 * std::size_t{column.steps}, place / 4, place % 4, weight(y, output, tap));
    }
    at += 3 * column.steps;
  }
}

// Bytes from one quad of rows to the next.
inline std::size_t quad_stride(std::size_t outputs) noexcept {
  return (outputs * 12 + 2 * kVector - 1) / kVector * kVector + 4 * kVector;
}

std::size_t between_size(std::size_t outputs, std::size_t rows) noexcept {
  return quad_stride(outputs) * ((rows + 3) / 4);
}

inline __m512i load(const void* at) noexcept { return _mm512_loadu_si512(at); }

// The sums of the digits, highest first: three short chains, since the multiply-adds of one long chain would
// wait for each other.
struct Sums {
  __m512i of[3];
  inline void begin(std::int32_t start) noexcept {
    of[0] = of[1] = _mm512_setzero_si512();
    of[2] = _mm512_set1_epi32(start);
  }
  [[nodiscard]] inline __m512i total() const noexcept {
    const __m512i upper = _mm512_add_epi32(_mm512_slli_epi32(of[0], 8), of[1]);
    return _mm512_add_epi32(_mm512_slli_epi32(upper, 8), of[2]);
  }
  [[nodiscard]] inline __m512i value() const noexcept { return _mm512_srai_epi32(total(), kPrecisionBits); }
};
constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

// Behind the last row the weights are 0: the last row again.
inline const std::uint8_t* source_row(const Fused& work, std::size_t row) noexcept {
  const std::size_t mine = row < work.rows ? row : work.rows - 1;
  return mine < work.tail_row ? work.source + mine * work.source_stride
                              : work.tail + (mine - work.tail_row) * work.source_stride;
}

// Four rows' sums to the quads of a block's samples.
inline void store_quads(const __m512i* values, std::byte* out) noexcept {
  const __m512i bytes =
      _mm512_packus_epi16(_mm512_packs_epi32(values[0], values[1]), _mm512_packs_epi32(values[2], values[3]));
  const __m512i interleave = _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400);
  _mm512_storeu_si512(out, Gather::close_up(_mm512_shuffle_epi8(bytes, interleave)));
}

template <bool kApart>
[[gnu::always_inline]] inline void row_block(const std::uint8_t* const* sources, std::size_t base,
                                             const std::byte* packed, std::size_t steps,
                                             std::byte* out) noexcept {
  const Gather gather(packed);
  const std::byte* const digits = packed + Gather::kPatterns * kVector;
  Sums sums[kRows];
  for (auto& sum : sums) sum.begin(kHalf);
  for (std::size_t step = 0; step < steps; ++step) {
    __m512i pixels[kRows];
    for (std::size_t r = 0; r < kRows; ++r) pixels[r] = gather.load<kApart>(sources[r] + base + 12 * step);
    for (std::size_t d = 0; d < 3; ++d) {
      const __m512i weights = load(digits + (d * steps + step) * kVector);
      for (std::size_t r = 0; r < kRows; ++r)
        sums[r].of[d] = _mm512_dpbusd_epi32(sums[r].of[d], pixels[r], weights);
    }
  }
  __m512i values[kRows];
  for (std::size_t r = 0; r < kRows; ++r) values[r] = sums[r].value();
  store_quads(values, out);
}

// kSteps is known to the compiler for the usual filters; 0 stands for any other number.
template <bool kApart, std::size_t kSteps>
void rows_to_quads(const Fused& work) noexcept {
  const std::size_t blocks = blocks_of_rows(work.x);
  const std::size_t stride = quad_stride(work.x.outputs);
  const std::size_t steps = kSteps == 0 ? steps_of_rows(work.x) : kSteps;
  for (std::size_t row = 0; row < work.rows; row += kRows) {
    const std::uint8_t* sources[kRows];
    for (std::size_t r = 0; r < kRows; ++r) sources[r] = source_row(work, row + r);
    const std::byte* packed = work.packed_rows + bases_size(work.x);
    std::byte* out = work.between + row / kRows * stride;
    for (std::size_t block = 0; block < blocks; ++block) {
      std::int32_t base;
      std::memcpy(&base, work.packed_rows + block * sizeof base, sizeof base);
      row_block<kApart>(sources, static_cast<std::size_t>(base), packed, steps, out);
      packed += (Gather::kPatterns + steps * 3) * kVector;
      out += Gather::kBlock * 12;
    }
  }
}

void far_rows_to_quads(const Fused& work) noexcept {
  const Gather gather(work.packed_rows);
  const std::size_t stride = quad_stride(work.x.outputs);
  for (std::size_t row = 0; row < work.rows; row += kRows) {
    const std::uint8_t* sources[kRows];
    for (std::size_t r = 0; r < kRows; ++r) sources[r] = source_row(work, row + r);
    const std::byte* digits = work.packed_rows + Gather::kPatterns * kVector;
    std::byte* out = work.between + row / kRows * stride;
    for (std::size_t output = 0; output < work.x.outputs; ++output, out += 12) {
      const std::size_t steps = far_steps(work.x, output);
      const std::size_t base = static_cast<std::size_t>(work.x.first[output]) * 3;
      Sums sums[kRows];
      for (auto& sum : sums) sum.begin(0);
      for (std::size_t step = 0; step < steps; ++step, digits += 3 * kVector) {
        __m512i pixels[kRows];
        for (std::size_t r = 0; r < kRows; ++r)
          pixels[r] = gather.load<false>(sources[r] + base + 3 * kFarTaps * step);
        for (std::size_t d = 0; d < 3; ++d) {
          const __m512i weights = load(digits + d * kVector);
          for (std::size_t r = 0; r < kRows; ++r)
            sums[r].of[d] = _mm512_dpbusd_epi32(sums[r].of[d], pixels[r], weights);
        }
      }
      __m512i totals[kRows];
      for (std::size_t r = 0; r < kRows; ++r) totals[r] = sums[r].total();
      const __m512i sum = _mm512_add_epi32(Gather::sum_outputs(totals), _mm512_set1_epi32(kHalf));
      const __m512i value = _mm512_max_epi32(_mm512_srai_epi32(sum, kPrecisionBits), _mm512_setzero_si512());
      const __m128i transpose = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                       _mm_shuffle_epi8(_mm512_cvtusepi32_epi8(value), transpose));
    }
  }
}

inline void store_samples(const __m512i* sums, std::uint8_t* target, std::size_t left) noexcept {
  const __m512i bytes =
      _mm512_packus_epi16(_mm512_packs_epi32(sums[0], sums[1]), _mm512_packs_epi32(sums[2], sums[3]));
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i samples = _mm512_permutexvar_epi32(order, bytes);
  if (left >= kVector) {
    _mm512_storeu_si512(target, samples);
  } else {
    _mm512_mask_storeu_epi8(target, (__mmask64{1} << left) - 1, samples);
  }
}

template <std::size_t kSteps>
void column_row(const std::byte* quads, std::size_t stride, const std::byte* digits, std::size_t any_steps,
                std::uint8_t* target, std::size_t samples) noexcept {
  const std::size_t steps = kSteps == 0 ? any_steps : kSteps;
  for (std::size_t x = 0; x < samples; x += kVector) {
    Sums sums[4];
    for (auto& sum : sums) sum.begin(kHalf);
    for (std::size_t step = 0; step < steps; ++step) {
      const std::byte* const at = quads + step * stride + 4 * x;
      for (std::size_t d = 0; d < 3; ++d) {
        std::int32_t four;
        std::memcpy(&four, digits + 4 * (d * steps + step), sizeof four);
        const __m512i weights = _mm512_set1_epi32(four);
        for (std::size_t part = 0; part < 4; ++part)
          sums[part].of[d] = _mm512_dpbusd_epi32(sums[part].of[d], load(at + kVector * part), weights);
      }
    }
    __m512i values[4];
    for (std::size_t part = 0; part < 4; ++part) values[part] = sums[part].value();
    store_samples(values, target + x, samples - x);
  }
}

void quads_to_columns(const Fused& work) noexcept {
  const std::size_t stride = quad_stride(work.x.outputs);
  const std::size_t samples = 3 * work.x.outputs;
  const std::byte* const words = work.packed_columns + work.y.outputs * sizeof(Column);
  for (std::size_t output = 0; output < work.y.outputs; ++output) {
    Column column;
    std::memcpy(&column, work.packed_columns + output * sizeof column, sizeof column);
    const std::byte* const quads = work.between + column.quad * stride;
    const std::byte* const digits = words + std::size_t{4} * column.digits;
    std::uint8_t* const target = work.target + output * work.target_stride;
    switch (column.steps) {
      case 1:
        column_row<1>(quads, stride, digits, 1, target, samples);
        break;
      case 2:
        column_row<2>(quads, stride, digits, 2, target, samples);
        break;
      case 3:
        column_row<3>(quads, stride, digits, 3, target, samples);
        break;
      case kMostKnown:
        column_row<kMostKnown>(quads, stride, digits, kMostKnown, target, samples);
        break;
      default:
        column_row<0>(quads, stride, digits, column.steps, target, samples);
    }
  }
}

template <bool kApart>
void all_rows(const Fused& work) noexcept {
  switch (steps_of_rows(work.x)) {
    case 1:
      return rows_to_quads<kApart, 1>(work);
    case 2:
      return rows_to_quads<kApart, 2>(work);
    case 3:
      return rows_to_quads<kApart, 3>(work);
    case kMostKnown:
      return rows_to_quads<kApart, kMostKnown>(work);
    default:
      return rows_to_quads<kApart, 0>(work);
  }
}

void fused(const Fused& work) noexcept {
  if (!in_blocks(work.x)) {
    far_rows_to_quads(work);
  } else if (reach_of(work.x) <= kVector) {
    all_rows<false>(work);
  } else {
    all_rows<true>(work);
  }
  quads_to_columns(work);
}

constexpr Both both_passes{packed_rows_size, pack_rows,    packed_columns_size,
                           pack_columns,     between_size, fused};
