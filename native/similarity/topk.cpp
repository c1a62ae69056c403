#include "similarity/topk.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "similarity/active.hpp"
#include "similarity/blocking.hpp"
#include "similarity/candidates.hpp"
#include "similarity/encoded_rows.hpp"
#include "similarity/exact.hpp"
#include "similarity/norms.hpp"
#include "similarity/packed_queries.hpp"
#include "similarity/parallel.hpp"

namespace diptych::similarity {

using base::Status;
using kernels::similarity::Filter;
using kernels::similarity::Hit;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t slab_rows = 4096;

float round_down(double x) noexcept {
  const auto y = static_cast<float>(x);
  return static_cast<double>(y) > x ? std::nextafter(y, -std::numeric_limits<float>::infinity()) : y;
}

// What stays the same for a whole call.
struct Problem {
  const Rows& queries;
  const Rows& rows;
  std::size_t k;
  const Options& options;
  std::vector<double> query_norms;
  std::vector<double> row_norms;

  [[nodiscard]] bool exact() const noexcept { return options.precision == Precision::exact; }
};

// Gives every candidate of one query its exact score.
void score_exactly(const Problem& problem, std::size_t query, std::vector<Candidate>& list) {
  const std::size_t dim = problem.rows.dim;
  std::vector<float> query_scratch(problem.queries.type == DType::float32 ? 0 : dim);
  std::vector<float> row_scratch(problem.rows.type == DType::float32 ? 0 : dim);
  const ExactRow x = exact_row(problem.queries.floats(query, query_scratch.data()), dim);
  for (Candidate& candidate : list) {
    if (!std::isnan(candidate.score)) continue;
    const float* const y = problem.rows.floats(candidate.row, row_scratch.data());
    candidate.score = exact_score(x, exact_row(y, dim), dim, problem.options.metric);
    candidate.lower = candidate.upper = order_key(candidate.score, problem.options.metric);
  }
}

// One block of queries against all rows.
class QueryBlock {
 public:
  QueryBlock(const Problem& problem, std::size_t first) : problem_(problem), first_(first) {}

  Status run(std::size_t count, std::span<std::int32_t> indices, std::span<float> scores) {
    if (Status status = packed_.pack_fp32(active_fp32(), problem_.queries, first_, count,
                                          problem_.query_norms, problem_.options.metric);
        !status.ok()) {
      return status;
    }
    const std::size_t slabs = (problem_.rows.rows + slab_rows - 1) / slab_rows;
    floors_ = std::vector<std::atomic<double>>(count);
    for (auto& floor : floors_) floor.store(-infinity, std::memory_order_relaxed);
    workers_.resize(worker_count(slabs, problem_.options));
    Status status = for_each_slab(slabs, problem_.options, [this](std::size_t worker, std::size_t slab) {
      return scan(workers_[worker], slab * slab_rows, std::min(problem_.rows.rows, (slab + 1) * slab_rows));
    });
    if (!status.ok()) return status;
    constexpr std::size_t together = 16;
    return for_each_slab(
        (count + together - 1) / together, problem_.options, [&](std::size_t, std::size_t slab) {
          for (std::size_t q = slab * together; q < std::min(count, (slab + 1) * together); ++q) {
            const std::size_t at = (first_ + q) * problem_.k;
            finish(q, indices.subspan(at, problem_.k), scores.subspan(at, problem_.k));
          }
          return Status::good();
        });
  }

 private:
  struct Worker {
    EncodedRows rows;
    std::vector<Candidates> candidates;
    std::vector<float> thresholds;
    std::vector<Hit> hits;
    double unit = 1;
  };

  [[nodiscard]] bool is_zero(std::size_t query) const noexcept {
    return problem_.query_norms[first_ + query] == 0;
  }

  void set_threshold(Worker& worker, std::size_t query) const noexcept {
    const double floor = worker.candidates[query].floor();
    const double least = problem_.exact() ? least_score(floor, problem_.options.metric) : floor;
    const double value = least / (packed_.factor(query) * worker.unit) - packed_.shift(query);
    worker.thresholds[query] = is_zero(query) ? std::numeric_limits<float>::infinity() : round_down(value);
  }

  void start(Worker& worker) const {
    worker.candidates.assign(packed_.count(), Candidates(problem_.k));
    worker.thresholds.assign(packed_.groups() * packed_.width(), std::numeric_limits<float>::infinity());
    worker.hits.resize(std::max<std::size_t>(kernels::similarity::max_tile_hits, 8192));
    for (std::size_t q = 0; q < packed_.count(); ++q) set_threshold(worker, q);
  }

  Status scan(Worker& worker, std::size_t from, std::size_t to) {
    if (worker.candidates.empty()) start(worker);
    for (std::size_t q = 0; q < packed_.count(); ++q) {
      const double floor = floors_[q].load(std::memory_order_relaxed);
      if (floor <= worker.candidates[q].floor()) continue;
      worker.candidates[q].raise_floor(floor);
      set_threshold(worker, q);
    }
    const std::size_t chunk = rows_per_chunk(problem_.rows.dim * sizeof(float));
    for (std::size_t first = from; first < to; first += chunk) {
      if (problem_.options.cancelled()) return Status::fail(base::Code::aborted, "the operation was aborted");
      const std::size_t count = std::min(chunk, to - first);
      Status status =
          worker.rows.encode_fp32(problem_.rows, first, count, problem_.row_norms, problem_.options.metric,
                                  problem_.exact() ? Bound::upper : Bound::none);
      if (!status.ok()) return status;
      if (worker.rows.unit() != worker.unit) {
        worker.unit = worker.rows.unit();
        for (std::size_t q = 0; q < packed_.count(); ++q) set_threshold(worker, q);
      }
      for (std::size_t group = 0; group < packed_.groups(); ++group) scan_group(worker, first, group);
    }
    return Status::good();
  }

  void scan_group(Worker& worker, std::size_t first_row, std::size_t group) {
    auto block = worker.rows.block();
    const std::size_t first_query = group * packed_.width();
    block.panels = packed_.panels(group);
    block.panel_count = packed_.panels_of(group);
    block.query_scale = packed_.scale() + first_query;
    Filter filter{worker.thresholds.data() + first_query, worker.hits.data(), worker.hits.size(), 0};
    for (std::size_t row = 0; row < block.count;) {
      row = packed_.variant().filter(block, row, filter);
      for (std::size_t i = 0; i < filter.count; ++i) take(worker, first_row, first_query, worker.hits[i]);
      filter.count = 0;
    }
  }

  void take(Worker& worker, std::size_t first_row, std::size_t first_query, const Hit& hit) {
    const std::size_t query = first_query + hit.query;
    const double factor = packed_.factor(query) * worker.unit;
    const double upper = (static_cast<double>(hit.value) + packed_.shift(query)) * factor;
    Candidate candidate{upper, upper, first_row + hit.row, upper};
    const Metric metric = problem_.options.metric;
    if (problem_.exact()) {
      const double radius = worker.rows.radius(hit.row);
      candidate.lower = radius < infinity ? order_key(upper - 2 * radius * factor, metric) : -infinity;
      candidate.upper = order_key(upper, metric);
      candidate.score = unknown;
    } else {
      // Rounded and clipped as it will be reported, so that the order shown is the order used.
      const auto score = static_cast<float>(metric == Metric::cosine ? std::clamp(upper, -1.0, 1.0) : upper);
      candidate.lower = candidate.upper = candidate.score = static_cast<double>(score) + 0.0;
    }
    Candidates& candidates = worker.candidates[query];
    candidates.push(candidate);
    if (!candidates.full()) return;
    candidates.thin();
    if (candidates.crowded()) {
      score_exactly(problem_, first_ + query, candidates.list());
      candidates.settle();
    }
    set_threshold(worker, query);
    raise_shared(floors_[query], candidates.floor());
  }

  static void raise_shared(std::atomic<double>& shared, double floor) noexcept {
    double known = shared.load(std::memory_order_relaxed);
    while (known < floor && !shared.compare_exchange_weak(known, floor, std::memory_order_relaxed)) {
    }
  }

  void finish(std::size_t query, std::span<std::int32_t> indices, std::span<float> scores) {
    if (is_zero(query)) {
      for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<std::int32_t>(i);
      std::ranges::fill(scores, 0.0f);
      return;
    }
    Candidates all(problem_.k);
    for (Worker& worker : workers_) {
      if (worker.candidates.empty()) continue;
      all.raise_floor(worker.candidates[query].floor());
    }
    for (Worker& worker : workers_) {
      if (worker.candidates.empty()) continue;
      for (const Candidate& candidate : worker.candidates[query].list()) all.push(candidate);
    }
    all.thin();
    score_exactly(problem_, first_ + query, all.list());
    all.settle();
    for (std::size_t i = 0; i < indices.size(); ++i) {
      indices[i] = static_cast<std::int32_t>(all.list()[i].row);
      scores[i] = static_cast<float>(all.list()[i].score) + 0.0f;
      // Scores that count as equal may round to neighbouring floats: what is shown must not rise again.
      if (i > 0 && scores[i] > scores[i - 1]) scores[i] = scores[i - 1];
    }
  }

  const Problem& problem_;
  std::size_t first_;
  PackedQueries packed_;
  std::vector<std::atomic<double>> floors_;
  std::vector<Worker> workers_;
};

// Queries to take at a time: the candidate lists of all workers stay within 64 MB.
std::size_t queries_per_block(const Problem& problem) noexcept {
  constexpr std::size_t budget = std::size_t{64} << 20;
  const std::size_t list =
      std::max<std::size_t>(64, 4 * problem.k) * sizeof(Candidate) * problem.options.threads;
  return std::clamp<std::size_t>(budget / list, 1, 1024);
}

}  // namespace

Status top_k(const Rows& queries, const Rows& rows, std::size_t k, std::span<std::int32_t> indices,
             std::span<float> scores, const Options& options) {
  Problem problem{
      queries, rows, k, options, std::vector<double>(queries.rows), std::vector<double>(rows.rows)};
  if (Status status = row_norms(queries, "queries", problem.query_norms, options); !status.ok())
    return status;
  if (Status status = row_norms(rows, "rows", problem.row_norms, options); !status.ok()) return status;
  const std::size_t step = queries_per_block(problem);
  for (std::size_t first = 0; first < queries.rows; first += step) {
    QueryBlock block(problem, first);
    Status status = block.run(std::min(step, queries.rows - first), indices, scores);
    if (!status.ok()) return status;
  }
  return Status::good();
}

}  // namespace diptych::similarity
