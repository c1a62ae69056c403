// The shared body of AVX2 and AVX-512: 16-bit multiply-add over pairs of taps. Included by one file per
// instruction set, after it has defined `Wide` (below); everything is in that file's unnamed namespace.
//
// A coefficient c of 26 bits is split into c = high * 2^15 + low, low in [-2^14, 2^14), so that both parts
// are 16-bit factors; madd() then sums two taps at once, exactly, and the parts are joined once per output:
//   sum = (sum of high * pixel) * 2^15 + sum of low * pixel          (mod 2^32)
//
// Horizontal, outputs near each other: each 128-bit lane of a vector is four neighbouring samples of a
// row, whose bytes a shuffle takes out of 16 of the source: [p p'] per sample, for two taps a step. Packed:
// per vector of samples each lane's first byte (int32, padded to a vector), the shuffle, then per step the
// high and the low weights. Horizontal, otherwise: each 128-bit lane is a row of its own, at the same output
// pixel. A lane holds four 32-bit sums, one per channel; a byte shuffle spreads two neighbouring pixels to [R
// R' G G' B B' A A']. Packed: per output, for each pair of taps, two int32: (high, high') and (low, low').
//
// `Wide` offers: kLanes; load_rows(pointers) 16 bytes of each row; load_lanes(row, offsets) 16 bytes a lane;
// shuffle, madd, add, shift_left, shift_right, set1_32, set1_shuffle (one 16-byte pattern in every lane);
// store_pixels (4 bytes a lane, each to its row); store_rows (four rows' sums as bytes, each to its row); and
// for columns: kBytes, load, store_bytes, widen_pairs (two byte vectors -> four vectors of 16-bit pairs),
// narrow (four vectors of 32-bit sums -> bytes, saturated, in the order of widen_pairs).

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

// --- RGB with outputs near each other
// -------------------------------------------------------------------------

constexpr std::size_t kSamples = 4 * Wide::kLanes;  // of a vector

inline std::size_t steps_of_near(const Taps& taps) noexcept {
  std::int32_t most = 1;
  for (std::size_t i = 0; i < taps.outputs; ++i) most = taps.counts[i] > most ? taps.counts[i] : most;
  return (static_cast<std::size_t>(most) + 1) / 2;
}
inline std::size_t vectors_of_near(const Taps& taps, std::size_t channels) noexcept {
  return (taps.outputs * channels + kSamples - 1) / kSamples;
}
inline std::size_t near_vector_size(const Taps& taps) noexcept {
  return (2 + 2 * steps_of_near(taps)) * Wide::kBytes;
}

// The least and the greatest first source of the outputs that four samples belong to.
struct Reach {
  std::int32_t least;
  std::int32_t most;
};
inline Reach reach_of(const Taps& taps, std::size_t channels, std::size_t sample) noexcept {
  const std::size_t begin = sample / channels;
  Reach reach{taps.first[begin], taps.first[begin]};
  for (std::size_t i = begin; i <= (sample + 3) / channels && i < taps.outputs; ++i) {
    reach.least = taps.first[i] < reach.least ? taps.first[i] : reach.least;
    reach.most = taps.first[i] > reach.most ? taps.first[i] : reach.most;
  }
  return reach;
}

// Whether the pairs of taps of any four samples lie within 16 bytes, and nothing is read further behind the
// source than may be.
bool is_near(const Taps& taps, std::size_t channels) noexcept {
  for (std::size_t sample = 0; sample < taps.outputs * channels; sample += 4) {
    const Reach reach = reach_of(taps, channels, sample);
    if (static_cast<std::size_t>(reach.most - reach.least + 2) * channels > 16) return false;
  }
  return steps_of_near(taps) * 2 * channels + 16 <= kReadOverrun;
}

void pack_near(const Taps& taps, std::size_t channels, std::byte* packed) noexcept {
  const std::size_t steps = steps_of_near(taps);
  for (std::size_t vector = 0; vector < vectors_of_near(taps, channels);
       ++vector, packed += near_vector_size(taps)) {
    for (std::size_t at = 0; at < kSamples; ++at) {
      const std::size_t sample = vector * kSamples + at;
      const std::size_t output = sample / channels;
      std::byte* const shuffle = packed + Wide::kBytes + 4 * at;
      std::memset(shuffle, 0x80, 4);
      if (output >= taps.outputs) continue;
      const std::int32_t least = reach_of(taps, channels, sample / 4 * 4).least;
      const std::int32_t base = static_cast<std::int32_t>(channels) * least;
      std::memcpy(packed + at / 4 * sizeof base, &base, sizeof base);
      const auto byte = static_cast<std::size_t>(taps.first[output] - least) * channels + sample % channels;
      shuffle[0] = static_cast<std::byte>(byte);
      shuffle[2] = static_cast<std::byte>(byte + channels);
      const std::int32_t* const weights = taps.coefficients + output * taps.stride;
      for (std::size_t step = 0; step < steps; ++step) {
        const Split a = split(2 * step < taps.stride ? weights[2 * step] : 0);
        const Split b = split(2 * step + 1 < taps.stride ? weights[2 * step + 1] : 0);
        const std::int32_t pair[2] = {join16(a.high, b.high), join16(a.low, b.low)};
        std::byte* const of_step = packed + (2 + 2 * step) * Wide::kBytes + 4 * at;
        std::memcpy(of_step, &pair[0], 4);
        std::memcpy(of_step + Wide::kBytes, &pair[1], 4);
      }
    }
  }
}

// kSteps is known to the compiler for the usual filters; 0 stands for any other number.
template <std::size_t kSteps>
void near_rows(const Horizontal& work, const std::uint8_t* const* source,
               std::uint8_t* const* target) noexcept {
  using V = Wide::Vector;
  const std::size_t steps = kSteps == 0 ? steps_of_near(work.taps) : kSteps;
  const V half = Wide::set1_32(1 << (kPrecisionBits - 1));
  const auto* packed = reinterpret_cast<const std::uint8_t*>(work.packed);
  const std::size_t vectors = vectors_of_near(work.taps, work.channels);
  const std::size_t advance = 2 * work.channels;
  for (std::size_t vector = 0; vector < vectors; ++vector) {
    std::int32_t bases[Wide::kLanes];
    std::memcpy(bases, packed, sizeof bases);
    const V spread = Wide::load(packed + Wide::kBytes);
    packed += 2 * Wide::kBytes;
    V high[4] = {Wide::set1_32(0), Wide::set1_32(0), Wide::set1_32(0), Wide::set1_32(0)};
    V low[4] = {half, half, half, half};
    for (std::size_t step = 0; step < steps; ++step, packed += 2 * Wide::kBytes) {
      const V high_weights = Wide::load(packed);
      const V low_weights = Wide::load(packed + Wide::kBytes);
      for (int r = 0; r < 4; ++r) {
        const V pairs = Wide::shuffle(Wide::load_lanes(source[r] + advance * step, bases), spread);
        high[r] = Wide::add(high[r], Wide::madd(pairs, high_weights));
        low[r] = Wide::add(low[r], Wide::madd(pairs, low_weights));
      }
    }
    V sums[4];
    for (int r = 0; r < 4; ++r) sums[r] = Wide::shift_right(Wide::add(Wide::shift_left<15>(high[r]), low[r]));
    Wide::store_rows(sums, target, vector * kSamples);
  }
}

void near_horizontal(const Horizontal& work) noexcept {
  for (std::size_t row = 0; row < work.rows; row += 4) {
    const std::uint8_t* source[4];
    std::uint8_t* target[4];
    for (std::size_t r = 0; r < 4; ++r) {
      const std::size_t mine = row + r < work.rows ? row + r : work.rows - 1;  // the last row again
      source[r] = work.source + mine * work.source_stride;
      target[r] = work.target + mine * work.target_stride;
    }
    switch (steps_of_near(work.taps)) {
      case 2:
        near_rows<2>(work, source, target);
        break;
      case 4:
        near_rows<4>(work, source, target);
        break;
      case 5:
        near_rows<5>(work, source, target);
        break;
      default:
        near_rows<0>(work, source, target);
    }
  }
}

// --- any channels, any distance
// -------------------------------------------------------------------------------

std::size_t packed_size(const Taps& taps, std::size_t channels) noexcept {
  if (is_near(taps, channels)) return vectors_of_near(taps, channels) * near_vector_size(taps);
  return taps.outputs * pairs_of(taps) * 2 * sizeof(std::int32_t);
}

void pack_horizontal(const Taps& taps, std::size_t channels, std::byte* packed) noexcept {
  if (is_near(taps, channels)) {
    std::memset(packed, 0, packed_size(taps, channels));
    pack_near(taps, channels, packed);
    return;
  }
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
  if (is_near(work.taps, work.channels)) {
    near_horizontal(work);
    return;
  }
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

// --- columns
// --------------------------------------------------------------------------------------------------

// `weights`: for each pair of taps, (high, high') and (low, low').
inline void vertical_block(const Vertical& work, std::size_t count, const std::int32_t* weights,
                           const std::uint8_t* source, std::uint8_t* target, std::size_t left) noexcept {
  using V = Wide::Vector;
  const V half = Wide::set1_32(1 << (kPrecisionBits - 1));
  V high[4] = {Wide::set1_32(0), Wide::set1_32(0), Wide::set1_32(0), Wide::set1_32(0)};
  V low[4] = {half, half, half, half};
  for (std::size_t tap = 0; tap < count; tap += 2, weights += 2) {
    const V high_weights = Wide::set1_32(weights[0]);
    const V low_weights = Wide::set1_32(weights[1]);
    V pairs[4];
    // Behind the last tap the weight is 0 and the row does not matter.
    const std::uint8_t* const next = tap + 1 < count ? source + work.source_stride : source;
    Wide::widen_pairs(Wide::load(source), Wide::load(next), pairs);
    for (int i = 0; i < 4; ++i) {
      high[i] = Wide::add(high[i], Wide::madd(pairs[i], high_weights));
      low[i] = Wide::add(low[i], Wide::madd(pairs[i], low_weights));
    }
    source += 2 * work.source_stride;
  }
  V sums[4];
  for (int i = 0; i < 4; ++i) sums[i] = Wide::shift_right(Wide::add(Wide::shift_left<15>(high[i]), low[i]));
  if (left >= Wide::kBytes) {
    Wide::store_bytes(target, Wide::narrow(sums));
  } else {
    Wide::store_bytes(target, Wide::narrow(sums), left);
  }
}

void vertical(const Vertical& work) noexcept {
  // Longer filters than this shrink a picture to a 300th: left to the plain kernel.
  constexpr std::size_t kMostTaps = 1024;
  if (work.taps.stride > kMostTaps) {
    reference.vertical(work);
    return;
  }
  std::int32_t weights[kMostTaps + 1];
  for (std::size_t out = 0; out < work.taps.outputs; ++out) {
    const std::int32_t* const taps = work.taps.coefficients + out * work.taps.stride;
    const auto count = static_cast<std::size_t>(work.taps.counts[out]);
    for (std::size_t tap = 0; tap < count; tap += 2) {
      const Split a = split(taps[tap]);
      const Split b = split(tap + 1 < count ? taps[tap + 1] : 0);
      weights[tap] = join16(a.high, b.high);
      weights[tap + 1] = join16(a.low, b.low);
    }
    const std::uint8_t* const source =
        work.source + static_cast<std::size_t>(work.taps.first[out]) * work.source_stride;
    std::uint8_t* const target = work.target + out * work.target_stride;
    for (std::size_t x = 0; x < work.bytes; x += Wide::kBytes)
      vertical_block(work, count, weights, source + x, target + x, work.bytes - x);
  }
}
