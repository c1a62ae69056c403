// The row by row kernels for vector units: included by one file per instruction set after its simd header.
#pragma once

#include <cstddef>

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
  float lanes[16];
  ((sums[0] + sums[1]) + (sums[2] + sums[3])).store(lanes);
  return join_halves(lanes);
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

CodeStats quantise(const float* y, float factor, const float* centre, std::int8_t* codes,
                   std::size_t d) noexcept {
  const simd::F16 factors = simd::F16::all(factor);
  const auto shifted = [&](simd::F16 value, simd::F16 c) __attribute__((always_inline)) {
    return simd::fma(value, factors, simd::F16::zero() - c);
  };
  const std::size_t whole = d / 16 * 16;
  const simd::F16 last = simd::F16::load_first(y + whole, d - whole);
  const simd::F16 last_centre = simd::F16::load_first(centre + whole, d - whole);
  simd::F16 most = simd::abs(shifted(last, last_centre));
  for (std::size_t k = 0; k < whole; k += 16) {
    most = simd::max(most, simd::abs(shifted(simd::F16::load(y + k), simd::F16::load(centre + k))));
  }
  const float largest = simd::largest(most);
  const bool coded = largest > least_coded;
  const float scale = coded ? largest / 127 : 0;
  const simd::F16 scales = simd::F16::all(scale);
  const simd::F16 inverse = simd::F16::all(coded ? 127 / largest : 0);

  simd::F16 error = simd::F16::zero();
  simd::F16 length = simd::F16::zero();
  simd::F16 dot = simd::F16::zero();
  simd::F16 sum = simd::F16::zero();
  const auto add = [&](simd::F16 row, simd::F16 c, std::int8_t * to) __attribute__((always_inline)) {
    const simd::F16 value = shifted(row, c);
    const simd::F16 code = simd::round(value * inverse);
    simd::store_int8(code, to);
    const simd::F16 rest = simd::fma(simd::F16::zero() - code, scales, value);
    error = simd::fma(rest, rest, error);
    length = simd::fma(value, value, length);
    dot = simd::fma(value, c, dot);
    sum = sum + code;
  };
  for (std::size_t k = 0; k < whole; k += 16) {
    add(simd::F16::load(y + k), simd::F16::load(centre + k), codes + k);
  }
  if (whole < d) add(last, last_centre, codes + whole);
  return {.scale = scale,
          .error = square_root(simd::sum(error)),
          .length = square_root(simd::sum(length)),
          .centre_dot = simd::sum(dot),
          .sum = static_cast<std::int32_t>(simd::sum(sum))};
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

// One row at a time and one stream through memory: measured 0.95 of the read bandwidth, where two rows side
// by side reach 0.73. Joining through memory is slow and costs nothing, since the loads are waited for.
template <std::size_t Queries>
[[gnu::noinline]] void few_rows(const Few& few) noexcept {
  constexpr std::size_t ahead = 512;  // floats
  for (std::size_t j = 0; j < few.count; ++j) {
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
    float lanes[16];
    for (std::size_t q = 0; q < Queries; ++q) {
      dots[q].store(lanes);
      few.dots[j * Queries + q] = join_halves(lanes);
    }
    square.store(lanes);
    few.squares[j] = join_halves(lanes);
  }
}

void few(const Few& few) noexcept {
  switch (few.query_count) {
    case 1:
      return few_rows<1>(few);
    case 2:
      return few_rows<2>(few);
    case 3:
      return few_rows<3>(few);
    default:
      return few_rows<4>(few);
  }
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
