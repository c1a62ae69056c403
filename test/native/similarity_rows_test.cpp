// Kernels that work on single rows: splitting into digits, dots, lengths, codes, halves, and few queries at
// once.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "harness.hpp"
#include "kernels/similarity/kernel.hpp"

using namespace diptych;
using namespace diptych::kernels::similarity;

namespace {

// Values between -0.5 and 0.5, of any exponent within `spread` binary orders.
std::vector<float> values(test::Random& random, std::size_t count, int spread = 0) {
  std::vector<float> x(count);
  for (float& value : x) {
    const int order = spread == 0 ? 0 : static_cast<int>(random.between(0, static_cast<std::size_t>(spread)));
    value = std::ldexp(static_cast<float>(random.uniform() - 0.5), order - spread / 2);
  }
  return x;
}

const RowVariant& reference() { return row_variants().back(); }

// Rows all of one size; of sizes 2^20 apart; as good as nothing; nothing; not finite.
std::vector<std::vector<float>> rows_to_split(test::Random& random, std::size_t d) {
  std::vector<std::vector<float>> rows;
  for (const auto& [spread, factor] : {std::pair{0, 1.0f}, {20, 1e30f}, {0, 0x1p-101f}, {0, 0.0f}}) {
    rows.push_back(values(random, d, spread));
    for (float& value : rows.back()) value *= factor;
    rows.back()[d / 2] = -rows.back()[0];
  }
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    rows.push_back(values(random, d));
    rows.back()[random.between(0, d - 1)] = value;
  }
  return rows;
}

// Digits make a value but for one step of its row, and every variant splits alike.
void splits(const DigitsVariant& variant) {
  if (!kernels::detected().contains(variant.needs)) return test::skip("this CPU cannot run it");
  struct Made {
    std::vector<std::int8_t> digits;
    std::vector<float> steps, squares;
  };
  test::Random random(3);
  for (std::size_t d = 1; d < 200; ++d) {
    const std::vector<std::vector<float>> rows = rows_to_split(random, d);
    const std::size_t finite = rows.size() - 2;
    const std::size_t stride = d + 1;
    std::vector<float> x(1 + rows.size() * stride);
    for (std::size_t j = 0; j < rows.size(); ++j) {
      std::ranges::copy(rows[j], x.begin() + 1 + static_cast<std::ptrdiff_t>(j * stride));
    }
    const std::size_t padded = words_of_digits(d) * 4;
    const auto split = [&](const DigitsVariant& by, std::size_t count) {
      Made made{std::vector<std::int8_t>(count * (padded + 64), 7), std::vector<float>(count),
                std::vector<float>(count)};
      by.split({x.data() + 1, stride, count, d, made.digits.data(), padded + 64, made.steps.data(),
                made.squares.data()});
      return made;
    };
    const Made made = split(variant, rows.size());
    for (std::size_t j = finite; j < rows.size(); ++j) CHECK(!std::isfinite(made.squares[j]));

    const Made got = split(variant, finite);
    const Made expected = split(digits_variants().back(), finite);
    CHECK(got.digits == expected.digits);
    CHECK(got.steps == expected.steps && got.squares == expected.squares);
    std::vector<float> squares(finite);
    reference().squares(x.data() + 1, stride, finite, d, squares.data());
    CHECK(got.squares == squares);
    for (std::size_t j = 0; j < finite; ++j) {
      const float step = got.steps[j];
      CHECK_EQUAL(step == 0, j >= 2);
      for (std::size_t k = 0; k < padded / digits_of_a_value; ++k) {
        double steps = 0;
        for (std::size_t digit = 0; digit < digits_of_a_value; ++digit) {
          steps = steps * 256 +
                  got.digits[j * (padded + 64) + (k / digit_width * digits_of_a_value + digit) * digit_width +
                             digit_place(k % digit_width)];
        }
        const double value = k < d && step > 0 ? static_cast<double>(rows[j][k]) : 0;
        CHECK(std::abs(steps * static_cast<double>(step) - value) <=
              (1 + 0x1p-20) * static_cast<double>(step) + std::abs(value) * 0x1p-22);
      }
    }
  }
}

// Every dimension, from rows that start one float past an aligned address.
template <class Check>
void each_dimension(const RowVariant& variant, Check check) {
  if (!kernels::detected().contains(variant.needs)) return test::skip("this CPU cannot run it");
  test::Random random(11);
  for (std::size_t d = 0; d < 200; ++d) check(d, random);
}

void dots(const RowVariant& variant) {
  each_dimension(variant, [&](std::size_t d, test::Random& random) {
    std::vector<float> x = values(random, d + 1, 60);
    const std::vector<float> y = values(random, d + 1, 60);
    double absolute = 0;
    for (std::size_t k = 1; k <= d; ++k) {
      absolute += std::abs(static_cast<double>(x[k]) * static_cast<double>(y[k]));
    }
    const Pair expected = reference().dot_exact(x.data() + 1, y.data() + 1, d);
    const Pair actual = variant.dot_exact(x.data() + 1, y.data() + 1, d);
    CHECK(actual.high == expected.high && actual.low == expected.low);
    const double fast = static_cast<double>(variant.dot_fast(x.data() + 1, y.data() + 1, d));
    CHECK(std::abs(fast - expected.high) <= static_cast<double>(d) * 0x1p-23 * absolute);
    const double squares = variant.sum_squares(x.data() + 1, d);
    const double expected_squares = reference().sum_squares(x.data() + 1, d);
    CHECK(std::abs(squares - expected_squares) <= 1e-13 * expected_squares);
    if (d == 0) return;
    for (const float poison :
         {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      x[1 + d / 2] = poison;
      CHECK(!std::isfinite(variant.sum_squares(x.data() + 1, d)));
    }
  });
}

// Codes, as a first pass wants them: the same in every variant, and within half a step of the row.
void codes(const RowVariant& variant) {
  constexpr std::size_t rows = 3;
  each_dimension(variant, [&](std::size_t d, test::Random& random) {
    if (d == 0) return;
    const std::size_t stride = d + 1;
    const std::size_t padded = (d + 15) / 16 * 16 + 16;
    std::vector<float> x = values(random, 1 + rows * stride, 20);
    std::fill_n(x.begin() + 1 + stride, d, 0.0f);
    const std::vector<float> centre = values(random, d);
    struct Made {
      std::vector<std::int8_t> codes;
      std::vector<CodeStats> stats;
      std::vector<float> squares;
    };
    for (const bool unit : {false, true}) {
      for (const float* const at : {static_cast<const float*>(nullptr), centre.data()}) {
        const auto make = [&](const RowVariant& by) {
          Made made{std::vector<std::int8_t>(rows * padded, 55), std::vector<CodeStats>(rows),
                    std::vector<float>(rows)};
          by.quantise({x.data() + 1, stride, rows, d, at, unit, made.codes.data(), padded, made.stats.data(),
                       made.squares.data()});
          return made;
        };
        const Made got = make(variant);
        const Made want = make(reference());
        CHECK(got.codes == want.codes);
        CHECK(got.squares == want.squares);
        for (std::size_t j = 0; j < rows; ++j) {
          const CodeStats& stats = got.stats[j];
          CHECK(stats.scale == want.stats[j].scale && stats.error == want.stats[j].error);
          CHECK(stats.sum == want.stats[j].sum && stats.towards == want.stats[j].towards);
          const float* const y = x.data() + 1 + j * stride;
          const double length = std::sqrt(reference().sum_squares(y, d));
          const double factor = !unit ? 1 : length > 0 ? 1 / length : 0;
          double towards = 0;
          double error = 0;
          double magnitudes = 0;
          std::int32_t sum = 0;
          for (std::size_t k = 0; k < d; ++k) {
            const double c = at == nullptr ? 0 : static_cast<double>(at[k]);
            const double value = static_cast<double>(y[k]) * factor;
            const std::int8_t code = got.codes[j * padded + k];
            const double rest = value - c - code * static_cast<double>(stats.scale);
            CHECK(std::abs(rest) <= 0.5001 * static_cast<double>(stats.scale) + 1e-6 * std::abs(value));
            error += rest * rest;
            towards += value * c;
            magnitudes += std::abs(value * c);
            sum += code;
          }
          CHECK(stats.sum == sum);
          CHECK(std::abs(static_cast<double>(stats.towards) - towards) <= 1e-5 * magnitudes);
          CHECK(std::abs(static_cast<double>(stats.error) - std::sqrt(error)) <=
                1e-3 * std::sqrt(error) + 1e-5 * (length * factor + 1));
        }
      }
    }
    // What is not finite is told by the squares, and harms no other row.
    x[1 + stride] = std::numeric_limits<float>::quiet_NaN();
    std::vector<std::int8_t> to(rows * padded);
    std::vector<CodeStats> stats(rows);
    std::vector<float> squares(rows);
    variant.quantise({x.data() + 1, stride, rows, d, centre.data(), true, to.data(), padded, stats.data(),
                      squares.data()});
    CHECK(std::isfinite(squares[0]) && !std::isfinite(squares[1]) && std::isfinite(squares[2]));
  });
}

// Halves: the same in every variant, and within half a step of the value; lengths as those of few queries.
void halves(const RowVariant& variant) {
  constexpr std::size_t rows = 3;
  each_dimension(variant, [&](std::size_t d, test::Random& random) {
    const std::size_t stride = d + 1;
    const std::size_t padded = (d + 15) / 16 * 16 + 16;
    std::vector<float> x = values(random, 1 + rows * stride, 60);
    const auto halve = [&](const RowVariant& by, std::vector<std::uint16_t>& to) {
      std::vector<float> squares(rows);
      by.halve({x.data() + 1, stride, rows, d, to.data(), padded, squares.data()});
      return squares;
    };
    std::vector<std::uint16_t> got(rows * padded, 55);
    std::vector<std::uint16_t> expected(rows * padded, 55);
    std::vector<float> squares = halve(variant, got);
    CHECK(squares == halve(reference(), expected));
    CHECK(got == expected);
    std::vector<float> lengths(rows);
    reference().squares(x.data() + 1, stride, rows, d, lengths.data());
    CHECK(squares == lengths);
    for (std::size_t j = 0; j < rows; ++j) {
      for (std::size_t k = 0; k < d; ++k) {
        const double value = static_cast<double>(x[1 + j * stride + k]);
        const auto half = static_cast<double>(std::bit_cast<float>(std::uint32_t{got[j * padded + k]} << 16));
        CHECK(std::abs(half - value) <= 0x1p-8 * std::abs(value));
      }
    }
    if (d == 0) return;
    x[1 + stride] = std::numeric_limits<float>::quiet_NaN();
    squares = halve(variant, got);
    CHECK(std::isfinite(squares[0]) && !std::isfinite(squares[1]) && std::isfinite(squares[2]));
  });
}

// Few queries at once: rows of `d` values, five of them a little apart.
void few(const RowVariant& variant) {
  constexpr std::size_t rows = 5;
  each_dimension(variant, [&](std::size_t d, test::Random& random) {
    if (d == 0) return;
    const std::size_t stride = d + 3;
    const std::vector<float> many = values(random, rows * stride);
    for (std::size_t queries = 1; queries <= most_few_queries; ++queries) {
      const std::vector<float> asked = values(random, queries * d);
      const auto ask = [&](const RowVariant& by, bool two_streams) {
        std::vector<float> out(rows * queries + rows);
        by.few({many.data(), stride, rows, d, asked.data(), queries, out.data(), out.data() + rows * queries,
                two_streams});
        return out;
      };
      const std::vector<float> got = ask(variant, false);
      CHECK(got == ask(reference(), false));
      CHECK(got == ask(variant, true));
      std::vector<float> lengths(rows);
      variant.squares(many.data(), stride, rows, d, lengths.data());
      CHECK(std::equal(lengths.begin(), lengths.end(),
                       got.begin() + static_cast<std::ptrdiff_t>(rows * queries)));
      for (std::size_t j = 0; j < rows; ++j) {
        const Pair square = reference().dot_exact(&many[j * stride], &many[j * stride], d);
        const double length = static_cast<double>(got[rows * queries + j]);
        CHECK(std::abs(length - square.high) <= 1e-5 * square.high);
        for (std::size_t q = 0; q < queries; ++q) {
          const Pair dot = reference().dot_exact(&many[j * stride], &asked[q * d], d);
          const double score = static_cast<double>(got[j * queries + q]);
          CHECK(std::abs(score - dot.high) <= 1e-5 * static_cast<double>(d));
        }
      }
    }
  });
}

const bool added = [] {
  const auto title = [](std::string_view what, std::string_view name) {
    return "similarity kernel " + std::string(what) + " " + std::string(name);
  };
  for (const DigitsVariant& variant : digits_variants()) {
    test::add(title("digits", variant.name) + ": a value is the sum of its digits",
              [&variant] { splits(variant); });
  }
  for (const RowVariant& variant : row_variants()) {
    test::add(title("rows", variant.name) + ": dots as the reference", [&variant] { dots(variant); });
    test::add(title("rows", variant.name) + ": codes as the reference", [&variant] { codes(variant); });
    test::add(title("rows", variant.name) + ": halves as the reference", [&variant] { halves(variant); });
    test::add(title("rows", variant.name) + ": few queries as the reference", [&variant] { few(variant); });
  }
  return true;
}();

}  // namespace
