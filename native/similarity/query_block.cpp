#include "similarity/query_block.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "similarity/active.hpp"
#include "similarity/encoded_rows.hpp"
#include "similarity/exact.hpp"
#include "similarity/parallel.hpp"
#include "similarity/rounding.hpp"

namespace diptych::similarity {

using base::Status;
using kernels::similarity::Hit;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
// More than rounding to 12 decimals moves a cosine (order_key).
constexpr double key_rounding = 1e-12;
// Rows that a thread takes at a time.
constexpr std::size_t slab_rows = 4096;
// Candidates between two looks at whether the work was cancelled: a tenth of a millisecond.
constexpr std::size_t between_looks = 256;

// A score rounded and clipped as it will be reported, so that the order shown is the order used.
float reported(double score, Metric metric) noexcept {
  return static_cast<float>(metric == Metric::cosine ? std::clamp(score, -1.0, 1.0) : score) + 0.0f;
}

}  // namespace

// One thread's candidates, and the sink of its scans.
struct QueryBlock::Worker {
  QueryBlock* block = nullptr;
  const Segment* segment = nullptr;
  ScanState state;
  std::vector<Candidates> candidates;
  Pass wanted = Pass::fp32;

  [[nodiscard]] Pass pass() const noexcept { return wanted; }

  void set_threshold(ScanState& scan, std::size_t query) const noexcept {
    const double floor = candidates[query].floor();
    const double least = block->exact() ? least_score(floor, block->options_.metric) : floor;
    scan.thresholds[query] =
        block->is_zero(query) ? std::numeric_limits<float>::infinity() : threshold_for(scan, query, least);
  }

  void set_thresholds(ScanState& scan) const {
    scan.thresholds.assign(scan.packed->groups() * scan.packed->width(),
                           std::numeric_limits<float>::infinity());
    for (std::size_t q = 0; q < block->count_; ++q) set_threshold(scan, q);
  }

  void take(ScanState& scan, std::size_t row, std::size_t query, const Hit& hit) {
    const Metric metric = block->options_.metric;
    Candidate candidate{0, 0, static_cast<std::uint32_t>(row), scan.pass == Pass::fp32 && !block->sifted()};
    if (block->bounded()) {
      const Interval interval = interval_of(scan, hit, query, block->bound());
      const bool keyed = block->exact() && metric == Metric::cosine;
      const double margin = keyed ? key_rounding : 0;
      candidate.lower = below(interval.lower - margin);
      candidate.upper = above(interval.upper + margin);
    } else {
      const double value = interval_of(scan, hit, query, Bound::none).lower;
      candidate.lower = candidate.upper = reported(value, metric);
    }
    Candidates& mine = candidates[query];
    mine.push(candidate);
    if (!mine.full()) return;
    mine.thin();
    // The k best alone decide the floor; what it does not drop may wait.
    block->refine(*segment, query, mine.best());
    mine.thin();
    if (mine.crowded()) {
      block->refine(*segment, query, mine.list());
      mine.thin();
    }
    if (mine.crowded()) block->score(*segment, query, mine);
    set_threshold(scan, query);
    block->raise_floor(query, mine.floor());
  }
};

QueryBlock::QueryBlock(const Rows& queries, std::size_t first, std::size_t count,
                       std::span<const double> norms, std::span<const float> centre, std::size_t k,
                       const Options& options)
    : queries_(queries),
      first_(first),
      count_(count),
      norms_(norms),
      k_(k),
      options_(options),
      passes_(queries, first, count, norms, centre, options),
      floors_(count),
      best_(count, Candidates(k)) {
  for (auto& floor : floors_) floor.store(-infinity, std::memory_order_relaxed);
}

void QueryBlock::raise_floor(std::size_t query, double floor) noexcept {
  double known = floors_[query].load(std::memory_order_relaxed);
  while (known < floor && !floors_[query].compare_exchange_weak(known, floor, std::memory_order_relaxed)) {
  }
}

Status QueryBlock::search(Segment& segment) {
  const std::size_t slabs = (segment.rows.rows + slab_rows - 1) / slab_rows;
  std::vector<Worker> workers(worker_count(slabs, options_));
  pass_ = search_pass(options_.precision, queries_.rows, count_, segment.rows.dim, segment.prepared());
  // Packed before the workers start, so that all threads share that work.
  const PackedQueries* packed = nullptr;
  if (Status status = passes_.get(pass_, &packed); !status.ok()) return status;
  for (Worker& worker : workers) {
    worker.block = this;
    worker.segment = &segment;
    worker.wanted = pass_;
  }
  Status status = for_each_slab(slabs, options_, [&](std::size_t worker, std::size_t slab) {
    const std::size_t from = slab * slab_rows;
    const std::size_t to = std::min(segment.rows.rows, from + slab_rows);
    Status scanned = scan_slab(workers[worker], segment, from, to);
    if (scanned.ok()) options_.advance((to - from) * count_);
    return scanned;
  });
  if (!status.ok()) return status;
  segment.to_fill = {};
  constexpr std::size_t together = 16;
  return for_each_slab((count_ + together - 1) / together, options_, [&](std::size_t, std::size_t slab) {
    for (std::size_t q = slab * together; q < std::min(count_, (slab + 1) * together); ++q) {
      settle(segment, workers, q);
    }
    // What was cut short by this is not an answer.
    return options_.cancelled() ? Status::fail(base::Code::aborted, "the operation was aborted")
                                : Status::good();
  });
}

Status QueryBlock::scan_slab(Worker& worker, const Segment& segment, std::size_t from, std::size_t to) {
  if (worker.candidates.empty()) worker.candidates.assign(count_, Candidates(k_));
  for (std::size_t q = 0; q < count_; ++q) {
    worker.candidates[q].raise_floor(floors_[q].load(std::memory_order_relaxed));
  }
  const std::size_t before = worker.state.taken;
  Status status = scan(worker.state, passes_, segment, from, to, options_, bound(), worker);
  // Where codes cannot tell the rows apart (near-duplicates), their candidates cost more than the rest of the
  // pass: floats then. The first slab does not count, since its thresholds have yet to rise.
  const std::size_t taken = worker.state.taken - before;
  segment.read(worker.wanted == Pass::int8, to - from);
  if (bounded() && before > 0 && worker.wanted != Pass::fp32 &&
      taken > (to - from) * count_ / 64 + 64 * count_) {
    worker.wanted = Pass::fp32;
  }
  return status;
}

void QueryBlock::refine(const Segment& segment, std::size_t query, std::span<Candidate> list) const {
  const std::size_t dim = queries_.dim;
  const double error = fp32_product_error(dim);
  const double query_norm = norms_[first_ + query];
  const auto plain = [](double norm) { return norm >= shortest_plain && norm <= longest_plain; };
  if (!bounded() || (exact() && !(error < 1 && plain(query_norm)))) return;
  std::vector<float> query_scratch(queries_.type == DType::float32 ? 0 : dim);
  std::vector<float> row_scratch(segment.rows.type == DType::float32 ? 0 : dim);
  const float* const x = queries_.floats(first_ + query, query_scratch.data());
  const Metric metric = options_.metric;
  const bool cosine = metric == Metric::cosine;
  // Rows lie far apart in memory: the next one is fetched while this one is multiplied.
  std::size_t read = 0;
  const auto fetch = [&](const Candidate& next) {
    if (next.refined) return;
    const std::byte* const row = segment.rows.at(next.row - segment.first);
    for (std::size_t byte = 0; byte < segment.rows.stride(); byte += 64) __builtin_prefetch(row + byte);
  };
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i % between_looks == 0 && options_.cancelled()) return;
    Candidate& candidate = list[i];
    if (i + 1 < list.size()) fetch(list[i + 1]);
    if (candidate.refined) continue;
    candidate.refined = true;
    const std::size_t row = candidate.row - segment.first;
    const double norm = segment.norms[row];
    const double lengths = query_norm * norm;
    const bool by_floats = plain(query_norm) && plain(norm);
    if (exact() && !by_floats) continue;
    const float* const y = segment.rows.floats(row, row_scratch.data());
    ++read;
    const double value =
        !by_floats ? exact_score(exact_row(x, dim, metric), exact_row(y, dim, metric), dim, metric)
                   : static_cast<double>(active_rows().dot_fast(x, y, dim)) / (cosine ? lengths : 1);
    if (sifted()) {
      candidate.lower = candidate.upper = reported(value, metric);
      continue;
    }
    const double radius = cosine ? error : error * lengths;
    const double margin = radius + (cosine ? key_rounding : 0);
    candidate.lower = std::max(candidate.lower, below(value - margin));
    candidate.upper = std::min(candidate.upper, above(value + margin));
  }
  segment.read_single_rows(read);
}

void QueryBlock::score(const Segment& segment, std::size_t query, Candidates& candidates) const {
  const std::span<const Candidate> list = candidates.list();
  std::vector<Scored> scored;
  scored.reserve(list.size());
  if (exact()) {
    const std::size_t dim = queries_.dim;
    std::vector<float> query_scratch(queries_.type == DType::float32 ? 0 : dim);
    std::vector<float> row_scratch(segment.rows.type == DType::float32 ? 0 : dim);
    const float* const floats = queries_.floats(first_ + query, query_scratch.data());
    const ExactRow x = exact_row(floats, dim, options_.metric);
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i % between_looks == 0 && options_.cancelled()) return;
      const float* const y = segment.rows.floats(list[i].row - segment.first, row_scratch.data());
      const double score = exact_score(x, exact_row(y, dim, options_.metric), dim, options_.metric);
      scored.push_back({order_key(score, options_.metric), score, list[i].row});
    }
    segment.read_single_rows(list.size());
  } else {
    for (const Candidate& candidate : list) {
      const auto score = static_cast<double>(candidate.lower);
      scored.push_back({score, score, candidate.row});
    }
  }
  candidates.settle(scored);
}

void QueryBlock::settle(const Segment& segment, std::vector<Worker>& workers, std::size_t query) {
  if (is_zero(query)) return;
  Candidates& best = best_[query];
  best.raise_floor(floors_[query].load(std::memory_order_relaxed));
  for (Worker& worker : workers) {
    if (worker.candidates.empty()) continue;
    best.join(worker.candidates[query]);
  }
  best.thin();
  // The k best raise the floor, so that fewer of the others are left to refine.
  refine(segment, query, best.best());
  best.thin();
  refine(segment, query, best.list());
  best.thin();
  score(segment, query, best);
  raise_floor(query, best.floor());
}

void QueryBlock::finish(std::span<std::int32_t> indices, std::span<float> scores) {
  for (std::size_t query = 0; query < count_; ++query) {
    const std::span<const Scored> list = best_[query].scored();
    for (std::size_t i = 0; i < k_; ++i) {
      const std::size_t at = query * k_ + i;
      if (is_zero(query)) {
        indices[at] = static_cast<std::int32_t>(i);
        scores[at] = 0;
        continue;
      }
      indices[at] = static_cast<std::int32_t>(list[i].row);
      scores[at] = static_cast<float>(list[i].score) + 0.0f;
      // Scores that count as equal may round to neighbouring floats: what is shown must not rise again.
      if (i > 0 && scores[at] > scores[at - 1]) scores[at] = scores[at - 1];
    }
  }
}

}  // namespace diptych::similarity
