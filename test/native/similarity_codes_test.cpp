// What a row's codes say of it holds: docs/exactness.md, section 4, row by row in long double.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "harness.hpp"
#include "similarity/codes.hpp"

using namespace diptych;
using namespace diptych::similarity;
using kernels::similarity::CodeStats;

namespace {

constexpr std::size_t rows = 40;

// Lengths of 2^-40 to 2^40 (of dot, 2^-25 to 2^25) where `spread`, a direction that all share, one value far
// larger than the others, and rows of zeros.
struct Kind {
  bool spread;
  double cone;
  double outlier;
};
// Plain; of any length; a cone; a narrow one; one large value.
constexpr Kind kinds[] = {{false, 0, 1}, {true, 0, 1}, {true, 3, 1}, {false, 1e4, 1}, {true, 0.3, 50}};

std::vector<float> made(const Kind& kind, Metric metric, std::size_t dim, test::Random& random) {
  std::vector<double> shared(dim);
  for (double& value : shared) value = (random.uniform() - 0.5) * kind.cone;
  std::vector<float> data(rows * dim);
  for (std::size_t j = 0; j < rows; ++j) {
    const double widest = metric == Metric::cosine ? 80 : 40;
    const double length = kind.spread ? std::exp2((random.uniform() - 0.5) * widest) : 1;
    for (std::size_t k = 0; k < dim; ++k) {
      const double own = (random.uniform() - 0.5) * (k == 1 ? kind.outlier : 1);
      data[j * dim + k] = j % 11 == 7 ? 0.0f : static_cast<float>((shared[k] + own) * length);
    }
  }
  return data;
}

void holds(const Kind& kind, Metric metric, std::size_t dim, bool at_origin) {
  test::Random random(dim);
  const std::vector<float> data = made(kind, metric, dim, random);
  const Rows view{reinterpret_cast<const std::byte*>(data.data()), DType::float32, rows, dim};
  const std::vector<float> values = at_origin ? std::vector<float>(dim) : centre_of(view, metric);
  const Centre centre(values);
  std::vector<double> norms(rows);
  for (std::size_t j = 0; j < rows; ++j) {
    long double square = 0;
    for (std::size_t k = 0; k < dim; ++k) {
      square += static_cast<long double>(data[j * dim + k]) * static_cast<long double>(data[j * dim + k]);
    }
    norms[j] = static_cast<double>(std::sqrt(square));
  }
  CHECK(codable(dim, norms, metric));
  std::vector<std::int8_t> codes(rows * code_stride(dim));
  std::vector<CodeStats> stats(rows);
  std::vector<float> squares(rows);
  std::vector<RowCode> out(rows);
  make_codes(view, 0, metric, centre, codes.data(), stats, squares, {});
  describe_codes(view, 0, norms, metric, centre, codes.data(), stats, out);
  for (std::size_t j = 0; j < rows; ++j) {
    const RowCode& row = out[j];
    const long double factor = metric == Metric::dot ? 1
                               : norms[j] == 0       ? 0
                                                     : 1 / static_cast<long double>(norms[j]);
    long double length = 0;
    long double error = 0;
    long double centre_dot = 0;
    std::int32_t sum = 0;
    for (std::size_t k = 0; k < dim; ++k) {
      const auto c = static_cast<long double>(values[k]);
      const long double shifted = static_cast<long double>(data[j * dim + k]) * factor - c;
      const std::int8_t code = codes[j * code_stride(dim) + k];
      const long double rest = shifted - static_cast<long double>(row.scale) * code;
      length += shifted * shifted;
      error += rest * rest;
      centre_dot += shifted * c;
      sum += code;
    }
    const auto at_least = [](float bound, long double value) {
      return static_cast<long double>(bound) >= value;
    };
    CHECK(at_least(row.length, std::sqrt(length)));
    CHECK(at_least(row.error, std::sqrt(error)));
    CHECK(at_least(row.slack, std::abs(static_cast<long double>(row.centre_dot) - centre_dot)));
    CHECK_EQUAL(row.sum, sum);
    // And not by far: within a hundredth, and what a row and the centre together are off by.
    const long double scale = (metric == Metric::cosine ? 1 : static_cast<long double>(norms[j])) +
                              static_cast<long double>(centre.length());
    CHECK(!at_least(row.length, 1.01L * std::sqrt(length) + 0.02L * scale + 0x1p-80L));
    CHECK(!at_least(row.error, 1.01L * std::sqrt(error) + 1e-4L * scale + 0x1p-80L));
    CHECK(!at_least(row.slack, 1e-4L * scale * (scale + 1) + 0x1p-80L));
  }
}

TEST("similarity codes: errors, lengths and slack hold, and are near") {
  for (const Kind& kind : kinds) {
    for (const Metric metric : {Metric::cosine, Metric::dot}) {
      for (const std::size_t dim : {1, 15, 64, 97, 512, 1000}) {
        for (const bool at_origin : {false, true}) holds(kind, metric, dim, at_origin);
      }
    }
  }
}

TEST("similarity codes: a centre that would gain little is the origin") {
  test::Random random(3);
  const auto centre_is_origin = [&](const Kind& kind) {
    const std::vector<float> data = made(kind, Metric::cosine, 64, random);
    const Rows view{reinterpret_cast<const std::byte*>(data.data()), DType::float32, rows, 64};
    return Centre(centre_of(view, Metric::cosine)).values() == nullptr;
  };
  CHECK(!centre_is_origin(kinds[2]));
  CHECK(!centre_is_origin(kinds[3]));
  std::vector<float> both_ways(2 * 64, 0.5f);
  std::fill_n(both_ways.begin() + 64, 64, -0.49f);
  const Rows view{reinterpret_cast<const std::byte*>(both_ways.data()), DType::float32, 2, 64};
  CHECK(Centre(centre_of(view, Metric::cosine)).values() == nullptr);
}

}  // namespace
