// The shared body of AVX2 and AVX-512: 16-bit multiply-add over pairs of taps. Included by one file per
// instruction set, after it has defined `Wide` (below); everything is in that file's unnamed namespace.
//
// A coefficient c of 26 bits is split into c = high * 2^15 + low, low in [-2^14, 2^14), so that both parts
// are 16-bit factors; madd() then sums two taps at once, exactly, and the parts are joined once per output:
//   sum = (sum of high * pixel) * 2^15 + sum of low * pixel          (mod 2^32)
//
// Horizontal: each 128-bit lane of a vector is a row of its own, at the same output pixel. A lane holds four
// 32-bit sums, one per channel; a byte shuffle spreads two neighbouring pixels to [R R' G G' B B' A A'].
// Packed coefficients: per output, for each pair of taps, two int32: (high, high') and (low, low').
//
// `Wide` offers: kLanes; load_rows(pointers) 16 bytes of each row; shuffle, madd, add, shift_left,
// shift_right, set1_32, set1_shuffle (one 16-byte pattern in every lane); store_pixels (4 bytes a lane, each
// to its row); and for columns: kBytes, load, store_bytes, widen_pairs (two byte vectors -> four vectors of
// 16-bit pairs), narrow (four vectors of 32-bit sums -> bytes, saturated, in the order of widen_pairs).

struct Split {
  std::int32_t high;
  std::int32_t low;
};

inline Split split(std::int32_t coefficient) noexcept {
  const std::int32_t low = ((coefficient + (1 << 14)) & 0x7fff) - (1 << 14);
  return {(coefficient - low) >> 15, low};
}

inline std::int32_t join16(std::int32_t first, std::int32_t second) noexcept {
  return static_cast<std::int32_t>((static_cast<std::uint32_t>(first) & 0xffffu) |
                                   (static_cast<std::uint32_t>(second) << 16));
}

// Pairs of taps per output: an even number, since a step takes two of them.
inline std::size_t pairs_of(const Taps& taps) noexcept { return (taps.stride + 3) / 4 * 2; }

std::size_t packed_size(const Taps& taps, std::size_t) noexcept {
  return taps.outputs * pairs_of(taps) * 2 * sizeof(std::int32_t);
}

void pack_horizontal(const Taps& taps, std::size_t, std::byte* packed) noexcept {
  auto* out = reinterpret_cast<std::int32_t*>(packed);
  const std::size_t pairs = pairs_of(taps);
  for (std::size_t i = 0; i < taps.outputs; ++i) {
    const std::int32_t* const weights = taps.coefficients + i * taps.stride;
    for (std::size_t pair = 0; pair < pairs; ++pair) {
      const Split a = split(2 * pair < taps.stride ? weights[2 * pair] : 0);
      const Split b = split(2 * pair + 1 < taps.stride ? weights[2 * pair + 1] : 0);
      *out++ = join16(a.high, b.high);
      *out++ = join16(a.low, b.low);
    }
  }
}

// For C channels: bytes of taps 0 and 1 of a 16-byte load as 16-bit pairs per channel; 0x80 gives zero.
alignas(16) constexpr std::uint8_t kSpread[4][2][16] = {
    {{0, 0x80, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
     {2, 0x80, 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}},
    {{0, 0x80, 2, 0x80, 1, 0x80, 3, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80},
     {4, 0x80, 6, 0x80, 5, 0x80, 7, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80}},
    {{0, 0x80, 3, 0x80, 1, 0x80, 4, 0x80, 2, 0x80, 5, 0x80, 0x80, 0x80, 0x80, 0x80},
     {6, 0x80, 9, 0x80, 7, 0x80, 10, 0x80, 8, 0x80, 11, 0x80, 0x80, 0x80, 0x80, 0x80}},
    {{0, 0x80, 4, 0x80, 1, 0x80, 5, 0x80, 2, 0x80, 6, 0x80, 3, 0x80, 7, 0x80},
     {8, 0x80, 12, 0x80, 9, 0x80, 13, 0x80, 10, 0x80, 14, 0x80, 11, 0x80, 15, 0x80}},
};

void horizontal(const Horizontal& work) noexcept {
  using V = Wide::Vector;
  const std::size_t channels = work.channels;
  const std::size_t pairs = pairs_of(work.taps);
  const V spread0 = Wide::set1_shuffle(kSpread[channels - 1][0]);
  const V spread1 = Wide::set1_shuffle(kSpread[channels - 1][1]);
  const V half = Wide::set1_32(1 << (kPrecisionBits - 1));
  const auto* const packed = reinterpret_cast<const std::int32_t*>(work.packed);
  for (std::size_t row = 0; row < work.rows; row += Wide::kLanes) {
    // Lanes beyond the last row do the last row again.
    const std::uint8_t* source[Wide::kLanes];
    std::uint8_t* target[Wide::kLanes];
    for (std::size_t lane = 0; lane < Wide::kLanes; ++lane) {
      const std::size_t mine = row + lane < work.rows ? row + lane : work.rows - 1;
      source[lane] = work.source + mine * work.source_stride;
      target[lane] = work.target + mine * work.target_stride;
    }
    for (std::size_t out = 0; out < work.taps.outputs; ++out) {
      std::size_t offset = static_cast<std::size_t>(work.taps.first[out]) * channels;
      const std::int32_t* weights = packed + out * pairs * 2;
      const auto steps = (static_cast<std::size_t>(work.taps.counts[out]) + 3) / 4;
      V high = Wide::set1_32(0);
      V low = half;
      for (std::size_t step = 0; step < steps; ++step) {
        const V bytes = Wide::load_rows(source, offset);
        const V first = Wide::shuffle(bytes, spread0);
        const V second = Wide::shuffle(bytes, spread1);
        high = Wide::add(high, Wide::madd(first, Wide::set1_32(weights[0])));
        low = Wide::add(low, Wide::madd(first, Wide::set1_32(weights[1])));
        high = Wide::add(high, Wide::madd(second, Wide::set1_32(weights[2])));
        low = Wide::add(low, Wide::madd(second, Wide::set1_32(weights[3])));
        offset += 4 * channels;
        weights += 4;
      }
      const V sum = Wide::shift_right(Wide::add(Wide::shift_left<15>(high), low));
      Wide::store_pixels(sum, target, out * channels);
    }
  }
}

inline void vertical_block(const Vertical& work, std::size_t out, std::size_t x, bool whole) noexcept {
  using V = Wide::Vector;
  const std::int32_t* const weights = work.taps.coefficients + out * work.taps.stride;
  const auto count = static_cast<std::size_t>(work.taps.counts[out]);
  const std::uint8_t* source =
      work.source + static_cast<std::size_t>(work.taps.first[out]) * work.source_stride + x;
  const V half = Wide::set1_32(1 << (kPrecisionBits - 1));
  V high[4] = {Wide::set1_32(0), Wide::set1_32(0), Wide::set1_32(0), Wide::set1_32(0)};
  V low[4] = {half, half, half, half};
  for (std::size_t tap = 0; tap < count; tap += 2) {
    const bool paired = tap + 1 < count;
    const Split a = split(weights[tap]);
    const Split b = split(paired ? weights[tap + 1] : 0);
    const V high_weights = Wide::set1_32(join16(a.high, b.high));
    const V low_weights = Wide::set1_32(join16(a.low, b.low));
    V pairs[4];
    Wide::widen_pairs(Wide::load(source), Wide::load(paired ? source + work.source_stride : source), pairs);
    for (int i = 0; i < 4; ++i) {
      high[i] = Wide::add(high[i], Wide::madd(pairs[i], high_weights));
      low[i] = Wide::add(low[i], Wide::madd(pairs[i], low_weights));
    }
    source += 2 * work.source_stride;
  }
  V sums[4];
  for (int i = 0; i < 4; ++i) sums[i] = Wide::shift_right(Wide::add(Wide::shift_left<15>(high[i]), low[i]));
  std::uint8_t* const target = work.target + out * work.target_stride + x;
  if (whole) {
    Wide::store_bytes(target, Wide::narrow(sums));
  } else {
    Wide::store_bytes(target, Wide::narrow(sums), work.bytes - x);
  }
}

void vertical(const Vertical& work) noexcept {
  for (std::size_t out = 0; out < work.taps.outputs; ++out) {
    std::size_t x = 0;
    for (; x + Wide::kBytes <= work.bytes; x += Wide::kBytes) vertical_block(work, out, x, true);
    if (x < work.bytes) vertical_block(work, out, x, false);
  }
}
