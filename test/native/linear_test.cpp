// Every runnable variant of the training kernels against the reference, and the products built on them.
#include <cmath>
#include <string>
#include <vector>

#include "harness.hpp"
#include "kernels/linear/kernel.hpp"
#include "training/gemm.hpp"

namespace diptych::test {
namespace {

using kernels::linear::Variant;

std::vector<float> numbers(Random& random, std::size_t count, double from, double to) {
  std::vector<float> all(count);
  for (float& x : all) x = static_cast<float>(from + (to - from) * random.uniform());
  return all;
}

void each_variant(const std::function<void(const Variant&)>& body) {
  for (const Variant& variant : kernels::linear::variants()) {
    if (kernels::detected().contains(variant.needs)) {
      body(variant);
    } else {
      skip(variant.name);
    }
  }
}

// |error| of a float32 sum of `depth` products of numbers in [-1, 1].
float bound(std::size_t depth) { return 1e-6f + static_cast<float>(depth) * 6e-8f; }

void check_product(const Variant& kernel, Random& random, std::size_t rows, std::size_t columns,
                   std::size_t depth, bool a_transposed, bool b_transposed) {
  const auto a = numbers(random, rows * depth + 1, -1, 1);
  const auto b = numbers(random, depth * columns + 1, -1, 1);
  const training::Strided left{a.data() + 1, a_transposed ? 1 : depth, a_transposed ? rows : 1};
  const training::Strided right{b.data() + 1, b_transposed ? 1 : columns, b_transposed ? depth : 1};
  training::Panels panels;
  CHECK(panels.pack(kernel, right, depth, columns));
  std::vector<float> out(rows * columns, 5.0f);
  training::multiply(kernel, left, rows, panels, 0, columns, out.data(), columns, false);
  training::multiply(kernel, left, rows, panels, 0, columns, out.data(), columns, true);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < depth; ++k) {
        sum += double{left.data[i * left.row + k * left.column]} *
               double{right.data[k * right.row + j * right.column]};
      }
      const auto expected = static_cast<float>(2 * sum);
      CHECK(std::abs(out[i * columns + j] - expected) <= 2 * bound(depth) * std::sqrt(float(depth) + 1));
    }
  }
}

TEST("linear: products of every shape, transposed or not") {
  each_variant([](const Variant& kernel) {
    Random random(1);
    for (const std::size_t rows : {1u, 5u, 12u, 13u, 97u}) {
      for (const std::size_t columns : {1u, 31u, 32u, 33u, 70u}) {
        for (const std::size_t depth : {0u, 1u, 7u, 511u, 512u, 513u, 1100u}) {
          check_product(kernel, random, rows, columns, depth, (rows + depth) % 2 == 0, columns % 2 == 0);
        }
      }
    }
  });
}

TEST("linear: dot products of every shape, and nothing beyond them") {
  each_variant([](const Variant& kernel) {
    Random random(3);
    for (const std::size_t rows : {0u, 1u, 3u, 4u, 5u, 11u}) {
      for (const std::size_t columns : {1u, 2u, 4u, 5u, 6u, 10u, 31u}) {
        for (const std::size_t depth : {1u, 3u, 4u, 7u, 8u, 15u, 16u, 17u, 100u, 512u, 1153u}) {
          const auto a = numbers(random, rows * depth, -1, 1);
          const auto b = numbers(random, columns * depth, -1, 1);
          std::vector<float> out(rows * columns + 1, 5.0f);
          kernel.dots(rows, columns, depth, a.data(), b.data(), out.data());
          CHECK_EQUAL(out[rows * columns], 5.0f);
          for (std::size_t i = 0; i < rows * columns; ++i) {
            double sum = 0;
            for (std::size_t k = 0; k < depth; ++k)
              sum += double{a[i / columns * depth + k]} * double{b[i % columns * depth + k]};
            CHECK(std::abs(double{out[i]} - sum) <= double{bound(depth)} * std::sqrt(double(depth)));
          }
        }
      }
    }
  });
}

TEST("linear: a tile reads its panel where the rows lie") {
  each_variant([](const Variant& kernel) {
    Random random(4);
    const std::size_t depth = 33;
    const std::size_t stride = kernel.width + 7;
    const auto a = numbers(random, kernel.tile_rows * depth, -1, 1);
    const auto apart = numbers(random, (depth - 1) * stride + kernel.width, -1, 1);
    std::vector<float> panel(depth * kernel.width);
    for (std::size_t i = 0; i < panel.size(); ++i)
      panel[i] = apart[i / kernel.width * stride + i % kernel.width];
    for (std::size_t rows = 1; rows <= kernel.tile_rows; ++rows) {
      std::vector<float> expected(rows * kernel.width);
      std::vector<float> out(rows * kernel.width);
      kernel.tile(rows, depth, a.data(), 1, kernel.tile_rows, panel.data(), kernel.width, expected.data());
      kernel.tile(rows, depth, a.data(), 1, kernel.tile_rows, apart.data(), stride, out.data());
      CHECK(out == expected);
    }
  });
}

TEST("linear: exp is right to 3e-7 from -87 to 88, and 0 below") {
  each_variant([](const Variant& kernel) {
    Random random(2);
    for (const std::size_t count : {0u, 1u, 3u, 4u, 8u, 9u, 15u, 16u, 17u, 33u, 512u}) {
      const auto in = numbers(random, count, -40, 40);
      const auto shifts = numbers(random, count, -3, 3);
      std::vector<float> row(count);
      std::vector<float> columns(count);
      const double sum = kernel.exp_row(in.data(), count, 2.0f, -1.5f, row.data());
      kernel.exp_columns(in.data(), count, 0.5f, shifts.data(), columns.data());
      double expected_sum = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const float x = std::fma(in[i], 2.0f, -1.5f);
        expected_sum += double{row[i]};
        const double expected = x < -87 ? 0 : std::exp(double{x});
        CHECK(std::abs(double{row[i]} - expected) <= 3e-7 * expected + 1e-37);
        const double second = std::exp(double{std::fma(in[i], 0.5f, -shifts[i])});
        CHECK(std::abs(double{columns[i]} - second) <= 3e-7 * second);
      }
      CHECK(std::abs(sum - expected_sum) <= 2e-6 * expected_sum + 1e-30);
    }
    const float ends[] = {-1000.0f, -87.5f, 1000.0f};
    float out[3];
    kernel.exp_row(ends, 3, 1.0f, 0.0f, out);
    CHECK_EQUAL(out[0], 0.0f);
    CHECK_EQUAL(out[1], 0.0f);
    CHECK(std::isfinite(out[2]) && out[2] > 1e38f);
  });
}

}  // namespace
}  // namespace diptych::test
