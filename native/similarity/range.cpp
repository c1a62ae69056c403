#include "similarity/range.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>
#include <tuple>

#include "similarity/exact.hpp"
#include "similarity/norms.hpp"
#include "similarity/parallel.hpp"
#include "similarity/scan.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;
using kernels::similarity::Hit;

namespace {

constexpr std::size_t slab_rows = 4096;

// What all workers share.
struct Shared {
  const RangeQuery& query;
  const Options& options;
  std::span<const double> norms;  // of the queries asked
  Pass pass;
  std::atomic<std::size_t> found{0};

  [[nodiscard]] bool exact() const noexcept { return options.precision == Precision::exact; }
  [[nodiscard]] bool wanted(std::size_t row, std::size_t at) const noexcept {
    return !query.self || row > query.base + query.first + at;
  }
};

// One worker: the sink of its scans.
struct Worker {
  Shared* shared = nullptr;
  const Segment* segment = nullptr;
  ScanState state;
  std::vector<ScoredPair> pairs;
  std::vector<float> query_scratch;
  std::vector<float> row_scratch;
  // The query whose lengths are at hand: hits of one query often follow each other.
  std::size_t known_query = std::numeric_limits<std::size_t>::max();
  ExactRow known{};

  [[nodiscard]] Pass pass() const noexcept { return shared->pass; }

  void set_thresholds(ScanState& scan) const {
    scan.thresholds.assign(scan.packed->groups() * scan.packed->width(),
                           std::numeric_limits<float>::infinity());
    for (std::size_t q = 0; q < shared->query.count; ++q) {
      if (shared->norms[q] > 0) scan.thresholds[q] = threshold_for(scan, q, shared->query.threshold);
    }
  }

  void take(ScanState& scan, std::size_t row, std::size_t at, const Hit& hit) {
    if (!shared->wanted(row, at)) return;
    double score = 0;
    if (shared->exact()) {
      const std::size_t dim = segment->rows.dim;
      if (known_query != at) {
        query_scratch.resize(dim);
        known = exact_row(shared->query.queries.floats(shared->query.first + at, query_scratch.data()), dim,
                          shared->options.metric);
        known_query = at;
      }
      row_scratch.resize(dim);
      const float* const y = segment->rows.floats(row - segment->first, row_scratch.data());
      segment->read_single_rows(1);
      score = exact_score(known, exact_row(y, dim, shared->options.metric), dim, shared->options.metric);
    } else {
      score = interval_of(scan, hit, at, Bound::none).lower;
      if (shared->options.metric == Metric::cosine) score = std::clamp(score, -1.0, 1.0);
    }
    if (score >= shared->query.threshold) keep(row, at, score);
  }

  void keep(std::size_t row, std::size_t at, double score) {
    if (shared->found.fetch_add(1, std::memory_order_relaxed) >= shared->query.limit) return;
    const float shown = static_cast<float>(score) + 0.0f;
    pairs.push_back({static_cast<std::int32_t>(shared->query.base + shared->query.first + at),
                     static_cast<std::int32_t>(row), shown,
                     shared->exact() ? order_key(score, shared->options.metric) : shown});
  }
};

}  // namespace

Status range_search(const RangeQuery& query, std::span<Segment> segments, std::span<const float> centre,
                    const Options& options, std::vector<ScoredPair>& out) {
  Rows asked = query.queries;
  asked.data = query.queries.at(query.first);
  asked.rows = query.count;
  std::vector<double> norms(query.count);
  if (Status status = row_norms(asked, "queries", norms, options); !status.ok()) return status;
  Passes passes(asked, 0, query.count, norms, centre, options);
  std::vector<Worker> workers(options.threads);
  Shared shared{query, options, norms, Pass::fp32};
  const std::size_t earliest = query.base + query.first;
  for (const Segment& segment : segments) {
    shared.pass = choose_pass(options.precision, query.count, segment.rows.dim, segment.prepared());
    for (Worker& worker : workers) {
      worker.shared = &shared;
      worker.segment = &segment;
    }
    // A self-join's earlier rows have met these queries as queries themselves.
    const std::size_t begin =
        query.self ? std::min(segment.rows.rows, earliest - std::min(earliest, segment.first)) : 0;
    const std::size_t slabs = (segment.rows.rows - begin + slab_rows - 1) / slab_rows;
    Status status = for_each_slab(slabs, options, [&](std::size_t index, std::size_t slab) {
      Worker& worker = workers[index];
      const std::size_t from = begin + slab * slab_rows;
      const std::size_t to = std::min(segment.rows.rows, from + slab_rows);
      Status scanned = scan(worker.state, passes, segment, from, to, options,
                            shared.exact() ? Bound::upper : Bound::none, worker);
      segment.read(shared.pass == Pass::int8, to - from);
      if (scanned.ok() && shared.found > query.limit) {
        return Status::fail(Code::bad_option, "threshold: more than " + std::to_string(query.limit) +
                                                  " pairs reach it; raise the threshold or the limit");
      }
      return scanned;
    });
    if (!status.ok()) return status;
    // Zero queries score 0 with every row, whatever the pass says.
    for (std::size_t at = 0; query.threshold <= 0 && at < query.count; ++at) {
      for (std::size_t j = begin; norms[at] == 0 && j < segment.rows.rows; ++j) {
        if (shared.wanted(segment.first + j, at)) workers[0].keep(segment.first + j, at, 0);
      }
    }
  }
  if (shared.found > query.limit) {
    return Status::fail(Code::bad_option, "threshold: more than " + std::to_string(query.limit) +
                                              " pairs reach it; raise the threshold or the limit");
  }
  out.clear();
  for (const Worker& worker : workers) out.insert(out.end(), worker.pairs.begin(), worker.pairs.end());
  std::ranges::sort(out, [](const ScoredPair& a, const ScoredPair& b) {
    return std::tuple(a.query, -a.key, a.row) < std::tuple(b.query, -b.key, b.row);
  });
  // Scores that count as equal may round to neighbouring floats: what is shown must not rise again.
  for (std::size_t i = 1; i < out.size(); ++i) {
    if (out[i].query == out[i - 1].query) out[i].score = std::min(out[i].score, out[i - 1].score);
  }
  return Status::good();
}

}  // namespace diptych::similarity
