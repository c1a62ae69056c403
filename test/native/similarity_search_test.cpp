// The searches over the kernels, on several threads at once: what the sanitizers watch. Answers are compared
// with plain double loops; the property tests in test/property attack them on far more data.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "harness.hpp"
#include "similarity/active.hpp"
#include "similarity/block_search.hpp"
#include "similarity/codes.hpp"
#include "similarity/corpus.hpp"
#include "similarity/dense.hpp"
#include "similarity/exact.hpp"
#include "similarity/logits.hpp"
#include "similarity/norms.hpp"
#include "similarity/range.hpp"
#include "similarity/reduce.hpp"
#include "similarity/scan.hpp"
#include "similarity/topk.hpp"

using namespace diptych;
using namespace diptych::similarity;

namespace {

struct Matrix {
  std::vector<float> data;
  std::size_t rows, dim;

  [[nodiscard]] Rows view() const {
    return {reinterpret_cast<const std::byte*>(data.data()), DType::float32, rows, dim};
  }
};

Matrix random_rows(std::size_t rows, std::size_t dim, std::uint64_t seed) {
  test::Random random(seed);
  Matrix matrix{std::vector<float>(rows * dim), rows, dim};
  for (float& value : matrix.data) value = static_cast<float>(random.uniform() - 0.3);
  return matrix;
}

double cosine(const Matrix& a, std::size_t i, const Matrix& b, std::size_t j) {
  double dot = 0;
  double x = 0;
  double y = 0;
  for (std::size_t k = 0; k < a.dim; ++k) {
    const auto p = static_cast<double>(a.data[i * a.dim + k]);
    const auto q = static_cast<double>(b.data[j * b.dim + k]);
    dot += p * q;
    x += p * p;
    y += q * q;
  }
  return dot / std::sqrt(x * y);
}

// What fp32 reports of rows that another pass has sifted.
double score_of_floats(const Matrix& a, std::size_t i, double a_norm, const Matrix& b, std::size_t j,
                       double b_norm, Metric metric) {
  const float* const x = a.data.data() + i * a.dim;
  const float* const y = b.data.data() + j * b.dim;
  const auto plain = [](double norm) { return norm >= shortest_plain && norm <= longest_plain; };
  if (!plain(a_norm) || !plain(b_norm)) {
    return exact_score(exact_row(x, a.dim, metric), exact_row(y, b.dim, metric), a.dim, metric);
  }
  const auto dot = static_cast<double>(active_rows().dot_fast(x, y, a.dim));
  return metric == Metric::cosine ? std::clamp(dot / (a_norm * b_norm), -1.0, 1.0) : dot;
}

Options options_of(Precision precision, std::size_t threads) {
  Options options;
  options.precision = precision;
  options.threads = threads;
  return options;
}

struct Hits {
  std::vector<std::int32_t> indices;
  std::vector<float> scores;
  bool operator==(const Hits&) const = default;
};

Hits search(const Matrix& queries, const Matrix& rows, std::size_t k, const Options& options) {
  Hits hits{std::vector<std::int32_t>(queries.rows * k), std::vector<float>(queries.rows * k)};
  CHECK(top_k(queries.view(), rows.view(), k, hits.indices, hits.scores, options).ok());
  return hits;
}

}  // namespace

TEST("similarity search: top-k is that of a double loop, on any number of threads") {
  const Matrix rows = random_rows(9000, 130, 1);
  // Few queries, rows in bfloat16 where the CPU multiplies it, codes.
  for (const std::size_t count : {1u, 3u, 40u, 120u, 330u}) {
    const Matrix queries = random_rows(count, 130, 2);
    constexpr std::size_t k = 5;
    const Hits hits = search(queries, rows, k, options_of(Precision::exact, 1));
    for (std::size_t q = 0; q < count; q += 13) {
      std::vector<double> scores(rows.rows);
      for (std::size_t j = 0; j < rows.rows; ++j) scores[j] = cosine(queries, q, rows, j);
      std::vector<std::int32_t> order(rows.rows);
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, [&](std::int32_t a, std::int32_t b) {
        return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
      });
      CHECK(std::equal(order.begin(), order.begin() + k,
                       hits.indices.begin() + static_cast<std::ptrdiff_t>(q * k)));
    }
    CHECK(hits == search(queries, rows, k, options_of(Precision::exact, 4)));
    for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::int8}) {
      CHECK(search(queries, rows, k, options_of(precision, 1)) ==
            search(queries, rows, k, options_of(precision, 4)));
    }
  }
}

TEST("similarity search: fp32 that bf16 or int8 has sifted gives the best of all scores of floats") {
  constexpr std::size_t dim = 130;
  constexpr std::size_t k = 5;
  const Pass pass = search_pass(Precision::fp32, 64, 64, dim, false);
  if (pass != Pass::bf16 && pass != Pass::int8) return test::skip("neither is fast on this CPU");
  const Matrix queries = random_rows(64, dim, 21);
  Matrix far = random_rows(9000, dim, 22);
  // Lengths from denormals to 1e38, and none.
  Matrix wild = far;
  for (std::size_t i = 0; i < wild.data.size(); ++i) {
    const std::size_t j = i / dim;
    wild.data[i] = j % 97 == 0 ? 0.0f : std::ldexp(wild.data[i], static_cast<int>(j % 240) - 120);
  }
  // What bfloat16 cannot tell apart: copies of one query, each a little off, and copies that are not.
  Matrix near = far;
  Matrix equal = far;
  for (std::size_t i = 0; i < near.data.size(); ++i) {
    const float value = queries.data[i % dim];
    near.data[i] = value + near.data[i] * 0x1p-20f;
    equal.data[i] = value;
  }
  for (const Matrix* rows : {&far, &wild, &near, &equal}) {
    for (const Metric metric : {Metric::cosine, Metric::dot}) {
      Options options = options_of(Precision::fp32, 1);
      options.metric = metric;
      const Hits hits = search(queries, *rows, k, options);
      options.threads = 4;
      CHECK(hits == search(queries, *rows, k, options));
      std::vector<double> norms(rows->rows);
      std::vector<double> query_norms(queries.rows);
      CHECK(quick_norms(rows->view(), 0, norms));
      CHECK(row_norms(queries.view(), "queries", query_norms, options).ok());
      for (std::size_t q = 0; q < queries.rows; q += 7) {
        std::vector<std::pair<float, std::int32_t>> best;
        for (std::size_t j = 0; j < rows->rows; ++j) {
          const double score = score_of_floats(queries, q, query_norms[q], *rows, j, norms[j], metric);
          best.emplace_back(-(static_cast<float>(score) + 0.0f), static_cast<std::int32_t>(j));
        }
        std::ranges::partial_sort(best, best.begin() + k);
        for (std::size_t i = 0; i < k; ++i) {
          CHECK_EQUAL(hits.indices[q * k + i], best[i].second);
          CHECK_EQUAL(hits.scores[q * k + i], -best[i].first);
        }
      }
    }
  }
}

TEST("similarity search: blocks that come one after the other give what all rows at once give") {
  constexpr std::size_t k = 7;
  const Matrix rows = random_rows(9000, 70, 31);
  // The memory of a block goes before the next one comes.
  for (const std::size_t count : {2u, 50u, 330u}) {
    const Matrix queries = random_rows(count, 70, 32);
    for (const Precision precision : {Precision::exact, Precision::fp32, Precision::int8}) {
      const Options options = options_of(precision, 3);
      std::unique_ptr<BlockSearch> blocks;
      CHECK(BlockSearch::start(queries.view(), rows.view(), k, options, blocks).ok());
      Hits hits{std::vector<std::int32_t>(count * k), std::vector<float>(count * k)};
      for (std::size_t first = 0; first < rows.rows; first += 3500) {
        const std::size_t size = std::min<std::size_t>(3500, rows.rows - first);
        const auto* const from = rows.data.data() + first * rows.dim;
        Matrix block{std::vector<float>(from, from + size * rows.dim), size, rows.dim};
        CHECK(blocks->search(block.view(), options).ok());
      }
      CHECK(blocks->finish(hits.indices, hits.scores).ok());
      CHECK(hits == search(queries, rows, k, options));
    }
  }
  std::unique_ptr<BlockSearch> few;
  CHECK(BlockSearch::start(rows.view(), rows.view(), k, options_of(Precision::exact, 1), few).ok());
  std::vector<std::int32_t> indices(rows.rows * k);
  std::vector<float> scores(rows.rows * k);
  CHECK(few->finish(indices, scores).code == base::Code::bad_input);
}

TEST("similarity search: a corpus appended to while it is searched") {
  const Matrix first = random_rows(5000, 64, 3);
  const Matrix second = random_rows(700, 64, 4);
  const Matrix queries = random_rows(150, 64, 5);
  const Options options = options_of(Precision::exact, 3);
  std::shared_ptr<const Corpus> corpus;
  CHECK(Corpus::append(nullptr, first.view(), options, corpus).ok());
  std::shared_ptr<const Corpus> grown;
  CHECK(Corpus::append(corpus.get(), second.view(), options, grown).ok());
  CHECK_EQUAL(corpus->rows(), 5000u);
  CHECK_EQUAL(grown->rows(), 5700u);
  Matrix whole = first;
  whole.data.insert(whole.data.end(), second.data.begin(), second.data.end());
  whole.rows = 5700;
  const std::vector<Rows> parts{first.view(), second.view()};
  std::vector<Segment> segments = grown->segments(parts);
  Hits hits{std::vector<std::int32_t>(150 * 4), std::vector<float>(150 * 4)};
  CHECK(top_k(queries.view(), segments, grown->centre(), 4, hits.indices, hits.scores, options).ok());
  CHECK(hits == search(queries, whole, 4, options));

  std::vector<ScoredPair> pairs;
  segments = grown->segments(parts);
  const RangeQuery query{queries.view(), 0, queries.rows, 0.5, false, 0, 1u << 20};
  CHECK(range_search(query, segments, grown->centre(), options, pairs).ok());
  std::size_t expected = 0;
  for (std::size_t q = 0; q < queries.rows; ++q) {
    for (std::size_t j = 0; j < whole.rows; ++j) expected += cosine(queries, q, whole, j) >= 0.5 ? 1 : 0;
  }
  CHECK(expected > 0);
  CHECK_EQUAL(pairs.size(), expected);
}

TEST("similarity search: every pass's interval holds the true score") {
  constexpr std::size_t dim = 77;
  constexpr std::size_t count = 60;
  test::Random random(12);
  // Lengths from denormals to 1e38, and within a row values that differ by 2^40.
  const auto wild = [&](std::size_t rows, int most) {
    Matrix matrix = random_rows(rows, dim, 13 + static_cast<std::uint64_t>(most));
    for (std::size_t j = 0; j < rows; ++j) {
      const int row = static_cast<int>(random.between(0, 2 * static_cast<std::uint64_t>(most))) - most;
      for (std::size_t k = 0; k < dim; ++k) {
        const int shift = j % 3 == 0 ? -static_cast<int>(random.between(0, 40)) : 0;
        float& value = matrix.data[j * dim + k];
        value = std::ldexp(value, row + shift);
      }
    }
    return matrix;
  };
  for (const int most : {0, 30, 60, 120}) {
    const Matrix rows = wild(192, most);
    const Matrix queries = wild(count, most);
    const Rows asked = queries.view();
    const Options options = options_of(Precision::exact, 1);
    std::vector<double> norms(rows.rows);
    std::vector<double> query_norms(count);
    CHECK(row_norms(rows.view(), "rows", norms, options).ok());
    CHECK(row_norms(queries.view(), "queries", query_norms, options).ok());
    const std::vector<float> centre = centre_of(rows.view(), Metric::cosine);
    const std::vector<Rows> parts{rows.view()};
    std::shared_ptr<const Corpus> corpus;
    CHECK(Corpus::append(nullptr, rows.view(), options, corpus).ok());
    const Segment prepared = corpus->segments(parts)[0];
    const Segment plain{rows.view(), 0, norms, {}, {}};
    struct Case {
      Pass pass;
      const Segment& segment;
      Bound bound = Bound::upper;
    };
    const Case cases[] = {{Pass::fp32, plain},
                          {Pass::bf16, plain},
                          {Pass::int8, plain},
                          {Pass::digits, plain},
                          {Pass::int8, prepared},
                          {Pass::fp32, plain, Bound::upper_of_fp32},
                          {Pass::bf16, plain, Bound::upper_of_fp32},
                          {Pass::int8, plain, Bound::upper_of_fp32},
                          {Pass::int8, prepared, Bound::upper_of_fp32}};
    for (const auto& [pass, segment, bound] : cases) {
      Passes passes(asked, 0, count, query_norms, centre, options);
      ScanState state;
      bool changed = false;
      CHECK(load_chunk(state, passes, pass, segment, 0, rows.rows, Metric::cosine, bound, changed).ok());
      // Rows of one length: each query carries its own error. (The lengths of prepared rows are known.)
      CHECK_EQUAL(state.reach > 0, segment.prepared());
      const PackedQueries& packed = *state.packed;
      std::vector<float> values(rows.rows * count);
      auto block = state.rows.block();
      constexpr float infinity = std::numeric_limits<float>::infinity();
      for (std::size_t group = 0; group < packed.groups(); ++group) {
        const std::size_t first = group * packed.width();
        block.panels = packed.panels(group);
        block.panel_count = packed.panels_of(group);
        block.query_scale = packed.scale() + first;
        const std::size_t columns = std::min(packed.width(), count - first);
        packed.variant().dense(block, {values.data() + first, count, columns, -infinity, infinity});
      }
      double widest = 0;
      for (std::uint32_t j = 0; j < rows.rows; ++j) {
        for (std::uint32_t q = 0; q < count; ++q) {
          const kernels::similarity::Hit hit{values[j * count + q], j, q};
          const Interval interval = interval_of(state, hit, q, bound);
          const double truth = cosine(queries, q, rows, j);
          CHECK(interval.lower <= truth + 1e-15 && truth <= interval.upper + 1e-15);
          if (bound == Bound::upper_of_fp32) {
            const double score =
                score_of_floats(queries, q, query_norms[q], rows, j, norms[j], Metric::cosine);
            CHECK(interval.lower <= score && score <= interval.upper);
          }
          widest = std::max(widest, interval.upper - interval.lower);
        }
      }
      // A bound that says nothing would pass the lines above.
      const double loosest = pass == Pass::fp32     ? 1e-4
                             : pass == Pass::digits ? 4e-4
                             : pass == Pass::bf16   ? 0.04
                                                    : 0.5;
      CHECK(widest < loosest);
    }
  }
}

TEST("similarity search: dense scores and logits") {
  const Matrix a = random_rows(301, 200, 6);
  const Matrix b = random_rows(170, 200, 7);
  for (const Precision precision : {Precision::exact, Precision::fp32}) {
    std::vector<float> scores(a.rows * b.rows);
    CHECK(dense(a.view(), b.view(), scores, options_of(precision, 3)).ok());
    double worst = 0;
    for (std::size_t i = 0; i < a.rows; ++i) {
      for (std::size_t j = 0; j < b.rows; ++j) {
        worst = std::max(worst, std::abs(static_cast<double>(scores[i * b.rows + j]) - cosine(a, i, b, j)));
      }
    }
    CHECK(worst < 1e-6);
  }
  std::vector<float> probabilities(a.rows * b.rows);
  LogitOptions how;
  how.scale = 50;
  how.activation = Activation::softmax;
  CHECK(logits(a.view(), b.view(), how, probabilities, options_of(Precision::fp32, 3)).ok());
  for (std::size_t i = 0; i < a.rows; ++i) {
    const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(i * b.rows);
    CHECK(std::abs(std::accumulate(row, row + static_cast<std::ptrdiff_t>(b.rows), 0.0) - 1) < 1e-5);
  }
}

TEST("similarity search: work that is cancelled ends with its code, whenever that happens") {
  const Matrix rows = random_rows(20000, 96, 8);
  const Matrix queries = random_rows(300, 96, 9);
  for (const int after : {0, 1, 7, 40}) {
    std::atomic<int> asked{0};
    Options options = options_of(Precision::exact, 3);
    options.cancelled = [&] { return asked.fetch_add(1) >= after; };
    Hits hits{std::vector<std::int32_t>(300), std::vector<float>(300)};
    const base::Status status = top_k(queries.view(), rows.view(), 1, hits.indices, hits.scores, options);
    CHECK(status.code == base::Code::aborted);
  }
}

TEST("similarity search: no look at whether work was cancelled is in vain, however many are asked for") {
  const Matrix rows = random_rows(6000, 96, 8);
  const Matrix queries = random_rows(5, 96, 9);
  const auto search = [&](std::size_t k, int after, int& asked) {
    Options options = options_of(Precision::exact, 1);
    options.cancelled = [&] { return asked++ >= after; };
    Hits hits{std::vector<std::int32_t>(5 * k), std::vector<float>(5 * k)};
    return top_k(queries.view(), rows.view(), k, hits.indices, hits.scores, options).code;
  };
  for (const std::size_t k : {10u, 2000u}) {
    int looks = 0;
    CHECK(search(k, std::numeric_limits<int>::max(), looks) == base::Code::ok);
    for (int after = 0; after < looks; after += 1 + looks / 50) {
      int asked = 0;
      CHECK(search(k, after, asked) == base::Code::aborted);
    }
    int asked = 0;
    CHECK(search(k, looks - 1, asked) == base::Code::aborted);
  }
}

TEST("similarity search: a NaN is named by its row on any thread") {
  Matrix rows = random_rows(9000, 70, 10);
  rows.data[8123 * 70 + 69] = std::numeric_limits<float>::quiet_NaN();
  rows.data[8500 * 70] = std::numeric_limits<float>::infinity();
  for (const std::size_t count : {1u, 30u, 130u}) {
    const Matrix queries = random_rows(count, 70, 11);
    Hits hits{std::vector<std::int32_t>(count), std::vector<float>(count)};
    const base::Status status =
        top_k(queries.view(), rows.view(), 1, hits.indices, hits.scores, options_of(Precision::exact, 4));
    CHECK(status.code == base::Code::bad_input);
    CHECK(status.message.find("row 8123 ") != std::string::npos);
  }
}
