// The formulas of kernel.hpp, plainly: the judge of every other variant. Built for the baseline CPU with
// contraction and vectorising off.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/similarity/rows-inl.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {
namespace {

template <class T>
T word_at(const std::byte* base, std::size_t index) noexcept {
  T word;
  std::memcpy(&word, base + index * 4, sizeof word);
  return word;
}

struct Fp32 {
  static float dot(const Block& block, std::size_t row, std::size_t query) noexcept {
    const std::byte* const y = block.rows + row * block.stride;
    float sum = 0;
    for (std::size_t k = 0; k < block.words; ++k) {
      sum = std::fma(word_at<float>(y, k),
                     word_at<float>(block.panels, k * block.panel_count * panel_width + query), sum);
    }
    return sum;
  }
};

// Low half first, then the high half, of each word.
struct Bf16 {
  static float dot(const Block& block, std::size_t row, std::size_t query) noexcept {
    const std::byte* const y = block.rows + row * block.stride;
    const auto low = [](std::uint32_t word) { return std::bit_cast<float>(word << 16); };
    const auto high = [](std::uint32_t word) { return std::bit_cast<float>(word & 0xffff0000u); };
    float sum = 0;
    for (std::size_t k = 0; k < block.words; ++k) {
      const auto a = word_at<std::uint32_t>(y, k);
      const auto b = word_at<std::uint32_t>(block.panels, k * block.panel_count * panel_width + query);
      sum = std::fma(low(a), low(b), sum);
      sum = std::fma(high(a), high(b), sum);
    }
    return sum;
  }
};

struct Codes {
  std::int8_t code[4];
};

std::int32_t dot_of(const Codes& a, const Codes& b) noexcept {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < 4; ++i) sum += a.code[i] * b.code[i];
  return sum;
}

struct Int8 {
  static float dot(const Block& block, std::size_t row, std::size_t query) noexcept {
    const std::byte* const y = block.rows + row * block.stride;
    std::int32_t sum = 0;
    for (std::size_t k = 0; k < block.words; ++k) {
      sum += dot_of(word_at<Codes>(y, k),
                    word_at<Codes>(block.panels, k * block.panel_count * panel_width + query));
    }
    return static_cast<float>(sum);
  }
};

// Sums of the products whose places make the same power of 256, joined.
struct Digits {
  static float dot(const Block& block, std::size_t row, std::size_t query) noexcept {
    constexpr std::size_t digit_words = digit_width / 4;
    const std::byte* const y = block.rows + row * block.stride;
    std::int32_t sums[digits_of_a_value] = {};
    for (std::size_t k = 0; k < block.words; k += digits_of_a_value * digit_words) {
      for (std::size_t i = 0; i < digits_of_a_value; ++i) {
        for (std::size_t j = 0; i + j < digits_of_a_value; ++j) {
          for (std::size_t w = 0; w < digit_words; ++w) {
            const auto a = word_at<Codes>(y, k + i * digit_words + w);
            const auto b = word_at<Codes>(
                block.panels, (k + j * digit_words + w) * block.panel_count * panel_width + query);
            sums[i + j] += dot_of(a, b);
          }
        }
      }
    }
    return std::fma(static_cast<float>(sums[0]), 0x1p16f,
                    std::fma(static_cast<float>(sums[1]), 0x1p8f, static_cast<float>(sums[2])));
  }
};

template <class Op>
float value_at(const Block& block, std::size_t row, std::size_t query) noexcept {
  return std::fma(Op::dot(block, row, query) * block.row_scale[row], block.query_scale[query],
                  block.row_offset[row]);
}

template <class Op>
std::size_t filter(const Block& block, std::size_t row, Filter& filter) noexcept {
  const std::size_t queries = block.panel_count * panel_width;
  for (; row < block.count; ++row) {
    if (filter.capacity - filter.count < queries) return row;
    for (std::size_t q = 0; q < queries; ++q) {
      const float value = value_at<Op>(block, row, q);
      if (value >= filter.thresholds[q]) {
        filter.hits[filter.count++] = {value, static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(q)};
      }
    }
  }
  return row;
}

template <class Op>
void dense(const Block& block, const Dense& dense) noexcept {
  for (std::size_t row = 0; row < block.count; ++row) {
    for (std::size_t q = 0; q < dense.columns; ++q) {
      const float value = value_at<Op>(block, row, q) + 0.0f;
      const float raised = value > dense.low ? value : dense.low;
      dense.out[row * dense.stride + q] = raised < dense.high ? raised : dense.high;
    }
  }
}

Pair dot_exact(const float* x, const float* y, std::size_t d) noexcept {
  double sums[16] = {};
  double errors[16] = {};
  for (std::size_t k = 0; k < d; ++k) {
    add_exact(sums[k % 16], static_cast<double>(x[k]) * static_cast<double>(y[k]), errors[k % 16]);
  }
  return join_lanes(sums, errors);
}

float dot_fast(const float* x, const float* y, std::size_t d) noexcept {
  float sum = 0;
  for (std::size_t k = 0; k < d; ++k) sum = std::fma(x[k], y[k], sum);
  return sum;
}

double sum_squares(const float* x, std::size_t d) noexcept {
  double sum = 0;
  for (std::size_t k = 0; k < d; ++k) sum += static_cast<double>(x[k]) * static_cast<double>(x[k]);
  return sum;
}

// To bfloat16, ties to even; finite values only.
std::uint16_t rounded_half(float x) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// Returns the step.
float split_row(const float* x, std::int8_t* digits, std::size_t d) noexcept {
  float most = 0;
  for (std::size_t k = 0; k < d; ++k) most = std::max(most, std::abs(x[k]));
  const bool coded = most > least_coded;
  const float inverse = coded ? most_steps / most : 0;
  const std::size_t padded = (d + digit_width - 1) / digit_width * digit_width;
  for (std::size_t k = 0; k < padded; ++k) {
    auto steps = static_cast<std::int32_t>(k < d ? std::nearbyint(x[k] * inverse) : 0.0f);
    for (std::size_t digit = digits_of_a_value; digit-- > 0;) {
      const auto low = static_cast<std::int8_t>(steps & 0xff);
      const std::size_t first = (k / digit_width * digits_of_a_value + digit) * digit_width;
      digits[first + digit_place(k % digit_width)] = low;
      steps = (steps - low) / 256;
    }
  }
  return coded ? most / most_steps : 0;
}

float dot_in_lanes(const float* x, const float* y, std::size_t d) noexcept {
  float lanes[16] = {};
  for (std::size_t k = 0; k < d; ++k) lanes[k % 16] = std::fma(y[k], x[k], lanes[k % 16]);
  return join_halves(lanes);
}

void quantise_row(const Quantise& quantise, std::size_t j) noexcept {
  const std::size_t d = quantise.dim;
  const float* const y = quantise.rows + j * quantise.stride;
  std::int8_t* const codes = quantise.codes + j * quantise.codes_stride;
  const bool centred = quantise.centre != nullptr;
  const float square = dot_in_lanes(y, y, d);
  const float factor = !quantise.unit ? 1.0f : square > 0 ? 1 / square_root(square) : 0.0f;
  const auto value = [&](std::size_t k) {
    return centred ? std::fma(y[k], factor, -quantise.centre[k]) : y[k];
  };
  float most = 0;
  for (std::size_t k = 0; k < d; ++k) most = std::max(most, std::abs(value(k)));
  const float largest = centred ? most : most * factor;
  const bool coded = largest > least_coded;
  const float inverse = coded ? 127 / most : 0;
  float error[16] = {};
  CodeStats& stats = quantise.stats[j];
  float sum = 0;
  for (std::size_t k = 0; k < d; ++k) {
    const float placed = std::fma(value(k), inverse, to_integers);
    const float code = placed - to_integers;
    codes[k] = static_cast<std::int8_t>(std::bit_cast<std::uint32_t>(placed) & 0xff);
    sum += code;
    const float rest = std::fma(value(k), inverse, -code);
    error[k % 16] = std::fma(rest, rest, error[k % 16]);
  }
  for (std::size_t k = d; k % 16 != 0; ++k) codes[k] = 0;
  stats.sum = whole_sum(sum);
  stats.scale = coded ? largest / 127 : 0;
  stats.error = square_root(join_halves(error)) * stats.scale;
  stats.towards = centred ? dot_in_lanes(quantise.centre, y, d) * factor : 0.0f;
  quantise.squares[j] = square;
}

void quantise(const Quantise& quantise) noexcept {
  for (std::size_t j = 0; j < quantise.count; ++j) quantise_row(quantise, j);
}

void squares(const float* rows, std::size_t stride, std::size_t count, std::size_t d, float* out) noexcept {
  for (std::size_t j = 0; j < count; ++j) out[j] = dot_in_lanes(rows + j * stride, rows + j * stride, d);
}

void halve(const Halve& halve) noexcept {
  for (std::size_t j = 0; j < halve.count; ++j) {
    const float* const row = halve.rows + j * halve.stride;
    std::uint16_t* const to = halve.halves + j * halve.halves_stride;
    for (std::size_t k = 0; k < halve.dim; ++k) to[k] = rounded_half(row[k]);
    for (std::size_t k = halve.dim; k % 16 != 0; ++k) to[k] = 0;
    halve.squares[j] = dot_in_lanes(row, row, halve.dim);
  }
}

void split(const Split& split) noexcept {
  for (std::size_t j = 0; j < split.count; ++j) {
    const float* const row = split.rows + j * split.stride;
    split.steps[j] = split_row(row, split.digits + j * split.digits_stride, split.dim);
    split.squares[j] = dot_in_lanes(row, row, split.dim);
  }
}

void few(const Few& few) noexcept {
  for (std::size_t j = 0; j < few.count; ++j) {
    const float* const y = few.rows + j * few.stride;
    for (std::size_t q = 0; q < few.query_count; ++q) {
      few.dots[j * few.query_count + q] = dot_in_lanes(few.queries + q * few.dim, y, few.dim);
    }
  }
  squares(few.rows, few.stride, few.count, few.dim, few.squares);
}

}  // namespace

constinit const Variant reference_fp32{
    "reference", Family::reference, CpuFeatures{}, filter<Fp32>, dense<Fp32>, 1, 0};
constinit const Variant reference_bf16{
    "reference", Family::reference, CpuFeatures{}, filter<Bf16>, dense<Bf16>, 1, 0};
constinit const Variant reference_int8{
    "reference", Family::reference, CpuFeatures{}, filter<Int8>, dense<Int8>, 1, 0};
constinit const DigitsVariant reference_digits{
    {"reference", Family::reference, CpuFeatures{}, filter<Digits>, dense<Digits>, 1, 0}, split};
constinit const RowVariant reference_rows{"reference", Family::reference, CpuFeatures{}, dot_exact, squares,
                                          dot_fast,    sum_squares,       quantise,      halve,     few};

}  // namespace diptych::kernels::similarity
