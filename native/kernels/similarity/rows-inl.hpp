// The row by row kernels for vector units: included by one file per instruction set after its simd header.
#pragma once

#include <cstddef>

#include "kernels/similarity/few-inl.hpp"
#include "kernels/similarity/kernel.hpp"

namespace diptych::kernels::similarity {
namespace {

// s + x and the rounding error of it, exactly (Knuth's TwoSum).
[[gnu::always_inline]] inline void add_exact(double& s, double x, double& error) noexcept {
  const double t = s + x;
  const double z = t - s;
  error += (s - (t - z)) + (x - z);
  s = t;
}

// Joins the 16 lanes in a fixed order.
inline Pair join_lanes(const double* sums, const double* errors) noexcept {
  double high = sums[0];
  double low = errors[0];
  for (std::size_t i = 1; i < 16; ++i) {
    add_exact(high, sums[i], low);
    low += errors[i];
  }
  const double rounded = high + low;
  return {rounded, low - (rounded - high)};
}

// Correctly rounded, without <cmath> (see simd/avx512.hpp on linkage).
inline float square_root(float x) noexcept { return __builtin_sqrtf(x); }

// A sum of codes, which is an integer unless the row was not finite.
inline std::int32_t whole_sum(float sum) noexcept {
  return sum > -0x1p30f && sum < 0x1p30f ? static_cast<std::int32_t>(sum) : 0;
}

// Adds 16 lanes by halves; the result is in lanes[0].
inline float join_halves(float* lanes) noexcept {
  for (std::size_t width = 8; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

#if defined(DIPTYCH_ROWS_VECTOR)

[[gnu::always_inline]] inline void add_products(simd::F16 x, simd::F16 y, simd::D16& s,
                                                simd::D16& e) noexcept {
  const simd::D16 p = simd::D16::widen(x) * simd::D16::widen(y);
  const simd::D16 t = s + p;
  const simd::D16 z = t - s;
  e = e + ((s - (t - z)) + (p - z));
  s = t;
}

Pair dot_exact(const float* x, const float* y, std::size_t d) noexcept {
  simd::D16 s = simd::D16::zero();
  simd::D16 e = simd::D16::zero();
  std::size_t k = 0;
  for (; k + 16 <= d; k += 16) add_products(simd::F16::load(x + k), simd::F16::load(y + k), s, e);
  if (k < d) add_products(simd::F16::load_first(x + k, d - k), simd::F16::load_first(y + k, d - k), s, e);
  double sums[16];
  double errors[16];
  s.store(sums);
  e.store(errors);
  return join_lanes(sums, errors);
}

float dot_fast(const float* x, const float* y, std::size_t d) noexcept {
  simd::F16 sums[4] = {simd::F16::zero(), simd::F16::zero(), simd::F16::zero(), simd::F16::zero()};
  std::size_t k = 0;
  for (; k + 64 <= d; k += 64) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i) {
      sums[i] = simd::fma(simd::F16::load(x + k + 16 * i), simd::F16::load(y + k + 16 * i), sums[i]);
    }
  }
  for (; k + 16 <= d; k += 16) sums[0] = simd::fma(simd::F16::load(x + k), simd::F16::load(y + k), sums[0]);
  if (k < d) {
    sums[1] = simd::fma(simd::F16::load_first(x + k, d - k), simd::F16::load_first(y + k, d - k), sums[1]);
  }
  return simd::sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

double sum_squares(const float* x, std::size_t d) noexcept {
  simd::D16 sums[2] = {simd::D16::zero(), simd::D16::zero()};
  const auto add = [](simd::D16 sum, simd::F16 v) {
    const simd::D16 wide = simd::D16::widen(v);
    return simd::fma(wide, wide, sum);
  };
  std::size_t k = 0;
  for (; k + 32 <= d; k += 32) {
    sums[0] = add(sums[0], simd::F16::load(x + k));
    sums[1] = add(sums[1], simd::F16::load(x + k + 16));
  }
  for (; k + 16 <= d; k += 16) sums[0] = add(sums[0], simd::F16::load(x + k));
  if (k < d) sums[1] = add(sums[1], simd::F16::load_first(x + k, d - k));
  double lanes[16];
  (sums[0] + sums[1]).store(lanes);
  double total = 0;
  for (const double lane : lanes) total += lane;
  return total;
}

// What a row's first look gathers; without a centre all that is to be known before it can be coded.
template <bool Centred>
struct Extent {
  simd::F16 squares = simd::F16::zero();
  simd::F16 towards = simd::F16::zero();
  simd::F16 most = simd::F16::zero();

  [[gnu::always_inline]] inline void add(simd::F16 v, simd::F16 c) noexcept {
    squares = simd::fma(v, v, squares);
    if constexpr (Centred) {
      towards = simd::fma(v, c, towards);
    } else {
      most = simd::max(most, simd::abs(v));
    }
  }
};

// v * factor - c is coded, the largest of it as 127.
template <bool Centred>
struct Coder {
  float scale = 0;
  simd::F16 factors = simd::F16::zero();
  simd::F16 inverse = simd::F16::zero();
  simd::F16 error = simd::F16::zero();
  simd::F16 sum = simd::F16::zero();

  // `most` is the largest |v * factor - c|, without a centre the largest |v|: those need not be divided by
  // the length first.
  Coder(float factor, float most) noexcept : factors(simd::F16::all(factor)) {
    const float largest = Centred ? most : most * factor;
    const bool coded = largest > least_coded;
    scale = coded ? largest / 127 : 0;
    inverse = simd::F16::all(coded ? 127 / most : 0);
  }
  [[gnu::always_inline]] inline void add(simd::F16 v, simd::F16 c, std::int8_t* to) noexcept {
    if constexpr (Centred) v = simd::fma(v, factors, simd::F16::zero() - c);
    const simd::F16 integers = simd::F16::all(to_integers);
    const simd::F16 placed = simd::fma(v, inverse, integers);
    simd::store_low_bytes(placed, to);
    const simd::F16 code = placed - integers;
    const simd::F16 rest = simd::fma(v, inverse, simd::F16::zero() - code);
    error = simd::fma(rest, rest, error);
    sum = sum + code;
  }
};

// Walks `quantise.dim` values, sixteen at a time: step(load, k), where load(p) has those of p + k.
template <class Step>
[[gnu::always_inline]] inline void each_sixteen(std::size_t dim, Step&& step) noexcept {
  std::size_t k = 0;
  for (; k + 16 <= dim; k += 16) {
    step(
        [k](const float* p) __attribute__((always_inline)) { return simd::F16::load(p + k); }, k);
  }
  if (k == dim) return;
  const std::size_t left = dim - k;
  step(
      [ k, left ](const float* p)
          __attribute__((always_inline)) { return simd::F16::load_first(p + k, left); },
      k);
}

// Joins what was gathered of row j.
template <bool Centred>
[[gnu::always_inline]] inline Coder<Centred> coder_of(const Quantise& quantise, std::size_t j,
                                                      const Extent<Centred>& extent) noexcept {
  const float square = simd::sum(extent.squares);
  const float factor = !quantise.unit ? 1.0f : square > 0 ? 1 / square_root(square) : 0.0f;
  simd::F16 most = extent.most;
  if constexpr (Centred) {
    const float* const y = quantise.rows + j * quantise.stride;
    const simd::F16 factors = simd::F16::all(factor);
    each_sixteen(
        quantise.dim, [&](const auto& load, std::size_t) __attribute__((always_inline)) {
          most = simd::max(most,
                           simd::abs(simd::fma(load(y), factors, simd::F16::zero() - load(quantise.centre))));
        });
  }
  quantise.squares[j] = square;
  quantise.stats[j].towards = Centred ? simd::sum(extent.towards) * factor : 0.0f;
  return {factor, simd::largest(most)};
}

// Each row is coded while the next one is first looked at: either alone would wait for its own sums.
template <bool Centred>
[[gnu::noinline]] void quantise_rows(const Quantise& quantise) noexcept {
  if (quantise.count == 0) return;
  const float* const centre = quantise.centre;
  const auto centre_by = [centre](const auto& load) __attribute__((always_inline)) {
    if constexpr (Centred) return load(centre);
    return simd::F16::zero();
  };
  Extent<Centred> first;
  each_sixteen(
      quantise.dim, [&](const auto& load, std::size_t)
                        __attribute__((always_inline)) { first.add(load(quantise.rows), centre_by(load)); });
  Coder<Centred> coder = coder_of<Centred>(quantise, 0, first);
  const std::byte* soon = quantise.soon.from;
  for (std::size_t j = 0; j < quantise.count; ++j) {
    const std::size_t following = j + 1 < quantise.count ? j + 1 : j;
    const float* const y = quantise.rows + j * quantise.stride;
    const float* const next = quantise.rows + following * quantise.stride;
    std::int8_t* const codes = quantise.codes + j * quantise.codes_stride;
    const std::byte* const end = quantise.soon.from + (j + 1) * quantise.soon.per_row;
    Extent<Centred> extent;
    each_sixteen(
        quantise.dim, [&](const auto& load, std::size_t k) __attribute__((always_inline)) {
          const simd::F16 c = centre_by(load);
          extent.add(load(next), c);
          coder.add(load(y), c, codes + k);
          if (soon < end) {
            __builtin_prefetch(soon, 0, 2);
            soon += 64;
          }
        });
    CodeStats& stats = quantise.stats[j];
    stats.scale = coder.scale;
    stats.error = square_root(simd::sum(coder.error)) * coder.scale;
    stats.sum = whole_sum(simd::sum(coder.sum));
    if (following > j) coder = coder_of<Centred>(quantise, following, extent);
  }
}

void quantise(const Quantise& quantise) noexcept {
  quantise.centre == nullptr ? quantise_rows<false>(quantise) : quantise_rows<true>(quantise);
}

void halve(const Halve& halve) noexcept {
  const std::byte* soon = halve.soon.from;
  for (std::size_t j = 0; j < halve.count; ++j) {
    const float* const y = halve.rows + j * halve.stride;
    std::uint16_t* const halves = halve.halves + j * halve.halves_stride;
    const std::byte* const end = halve.soon.from + (j + 1) * halve.soon.per_row;
    simd::F16 square = simd::F16::zero();
    std::size_t k = 0;
    for (; k + 16 <= halve.dim; k += 16) {
      const simd::F16 v = simd::F16::load(y + k);
      simd::store_bfloat16(v, halves + k);
      square = simd::fma(v, v, square);
      if (soon < end) {
        __builtin_prefetch(soon, 0, 2);
        soon += 64;
      }
    }
    if (k < halve.dim) {
      const simd::F16 v = simd::F16::load_first(y + k, halve.dim - k);
      simd::store_bfloat16(v, halves + k);
      square = simd::fma(v, v, square);
    }
    halve.squares[j] = simd::sum(square);
  }
}

// One row at a time: two side by side reach 0.73 of the read bandwidth on Sapphire Rapids, and half of it on
// Zen 4. One stream that is fetched ahead reaches 0.95 on the former and 0.78 on the latter, two streams that
// are left alone 0.99 there.
template <std::size_t Queries>
[[gnu::noinline]] void few_rows(const Few& few) noexcept {
  // In floats; on itself is as good as nothing. With more products than loads fewer of these are under way by
  // themselves.
  const std::size_t ahead = few.two_streams && Queries < 3 ? 0 : 512;
  for (std::size_t i = 0; i < few.count; ++i) {
    const std::size_t j = row_by_turns(i, few.count, few.two_streams);
    const float* const y = few.rows + j * few.stride;
    simd::F16 dots[Queries];
    for (simd::F16& dot : dots) dot = simd::F16::zero();
    simd::F16 square = simd::F16::zero();
    std::size_t k = 0;
    for (; k + 16 <= few.dim; k += 16) {
      const simd::F16 v = simd::F16::load(y + k);
      __builtin_prefetch(y + k + ahead, 0, 3);
#pragma GCC unroll 4
      for (std::size_t q = 0; q < Queries; ++q) {
        dots[q] = simd::fma(v, simd::F16::load(few.queries + q * few.dim + k), dots[q]);
      }
      square = simd::fma(v, v, square);
    }
    if (k < few.dim) {
      const std::size_t left = few.dim - k;
      const simd::F16 v = simd::F16::load_first(y + k, left);
#pragma GCC unroll 4
      for (std::size_t q = 0; q < Queries; ++q) {
        dots[q] = simd::fma(v, simd::F16::load_first(few.queries + q * few.dim + k, left), dots[q]);
      }
      square = simd::fma(v, v, square);
    }
    for (std::size_t q = 0; q < Queries; ++q) few.dots[j * Queries + q] = simd::sum(dots[q]);
    few.squares[j] = simd::sum(square);
  }
}

void few(const Few& few) noexcept {
  with_query_count(few.query_count, [&few](auto queries) { few_rows<decltype(queries)::value>(few); });
}

// Four rows at a time: four chains hide the latency of each.
void squares(const float* rows, std::size_t stride, std::size_t count, std::size_t dim, float* out) noexcept {
  constexpr std::size_t together = 4;
  for (std::size_t first = 0; first < count; first += together) {
    const float* row[together];
    for (std::size_t i = 0; i < together; ++i) {
      row[i] = rows + (first + i < count ? first + i : count - 1) * stride;
    }
    simd::F16 sums[together];
    for (simd::F16& sum : sums) sum = simd::F16::zero();
    std::size_t k = 0;
    for (; k + 16 <= dim; k += 16) {
#pragma GCC unroll 4
      for (std::size_t i = 0; i < together; ++i) {
        const simd::F16 v = simd::F16::load(row[i] + k);
        sums[i] = simd::fma(v, v, sums[i]);
      }
    }
    for (std::size_t i = 0; i < together && first + i < count; ++i) {
      if (k < dim) {
        const simd::F16 v = simd::F16::load_first(row[i] + k, dim - k);
        sums[i] = simd::fma(v, v, sums[i]);
      }
      out[first + i] = simd::sum(sums[i]);
    }
  }
}

constexpr RowVariant row_variant(std::string_view name, Family family, CpuFeatures needs) noexcept {
  return {name, family, needs, dot_exact, squares, dot_fast, sum_squares, quantise, halve, few};
}

#endif

}  // namespace
}  // namespace diptych::kernels::similarity
