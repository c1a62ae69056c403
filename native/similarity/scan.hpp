// The loop that every search shares: rows in chunks that fit the cache, each against all packed queries, and
// what reaches a query's threshold handed to a sink.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "similarity/blocking.hpp"
#include "similarity/encoded_rows.hpp"
#include "similarity/options.hpp"
#include "similarity/passes.hpp"
#include "similarity/segment.hpp"

namespace diptych::similarity {

// One worker's buffers.
struct ScanState {
  EncodedRows rows;
  std::vector<kernels::similarity::Hit> hits;
  std::vector<float> thresholds;
  // Few queries: the chunk's inner products (of codes: values), `packed->count()` a row, and sums of squares.
  std::vector<float> dots;
  std::vector<float> squares;
  // Whether lengths are left to be found for the rows that may reach a threshold, and the largest square.
  bool unsettled = false;
  float longest = 0;
  double unit = 1;
  double reach = 0;
  Pass pass = Pass::fp32;
  const PackedQueries* packed = nullptr;
  // Rows looked at, and hits handed on.
  std::size_t seen = 0;
  std::size_t taken = 0;
};

// A score of the first pass: the true one is in [lower, upper]; equal when no bound was asked for.
struct Interval {
  double lower;
  double upper;
};

[[nodiscard]] inline Interval interval_of(const ScanState& state, const kernels::similarity::Hit& hit,
                                          std::size_t query, Bound bound) noexcept {
  const double factor = state.packed->factor(query) * state.unit;
  const double value = static_cast<double>(hit.value) + state.packed->shift(query);
  if (bound == Bound::none) return {value * factor, value * factor};
  const double extra = state.reach * state.packed->extra_code_error(query);
  const double upper = (value + extra) * factor;
  const double radius = state.rows.radius(hit.row) + extra;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (!(radius < infinity)) return {-infinity, infinity};
  return {upper - 2 * radius * factor, upper};
}

// The kernel's threshold below which no score of at least `least` can be.
[[nodiscard]] float threshold_for(const ScanState& state, std::size_t query, double least) noexcept;

// Makes `state.rows` ready for rows first .. first + count - 1 of the segment in the pass asked for (fp32
// instead of int8 where lengths forbid codes), and `state.pass`, `packed`, `unit`, `reach` say which it is;
// `changed` tells whether thresholds must be made anew.
[[nodiscard]] base::Status load_chunk(ScanState& state, Passes& passes, Pass wanted, const Segment& segment,
                                      std::size_t first, std::size_t count, Metric metric, Bound bound,
                                      bool& changed);

// The same for few queries, in fp32 or on codes that are there, with state.dots made: rows that nothing has
// touched yet are read once, for their lengths too.
[[nodiscard]] base::Status load_few(ScanState& state, Passes& passes, Pass pass, const Segment& segment,
                                    std::size_t first, std::size_t count, Metric metric, Bound bound,
                                    bool& changed);

// Finds the length of the chunk's row `row`, which begins at `first`, where load_few left it.
void settle(ScanState& state, const Segment& segment, std::size_t first, std::size_t row);

// What a kernel may fetch while it runs the groups first .. end - 1 over the chunk: the panels after theirs,
// and a part of the next chunk's rows.
void set_soon(kernels::similarity::Block& block, const PackedQueries& packed, std::size_t first,
              std::size_t end, std::span<const std::byte> next) noexcept;

// Tells at a glance, without a row's length, that its scores are too low for few queries.
class Glance {
 public:
  // No row of the chunk is longer than the square root of state.longest.
  Glance(const ScanState& state, Metric metric) noexcept
      : offset_(state.rows.most_offset(std::sqrt(state.longest))), cosine_(metric == Metric::cosine) {}

  void set_threshold(std::size_t query, float threshold) noexcept {
    // What the roundings of a score may have added.
    const float least = threshold - offset_ - 0x1p-20f * (std::abs(threshold) + offset_);
    least_[query] = !cosine_ ? least : least > 0 ? least * least * (1 - 0x1p-20f) : -1;
  }
  [[nodiscard]] bool may_reach(std::size_t query, float dot, float square) const noexcept {
    if (!cosine_) return dot >= least_[query];
    return dot * dot >= least_[query] * square && (dot > 0 || least_[query] < 0);
  }

 private:
  float offset_;
  bool cosine_;
  float least_[kernels::similarity::most_few_queries] = {};
};

// Asks for the j-th few lines of what is next, so that memory has work while scores are looked at.
inline void fetch_some(std::span<const std::byte> next, std::size_t j) noexcept {
  constexpr std::size_t share = 512;
  for (std::size_t at = j * share; at < std::min((j + 1) * share, next.size()); at += 64) {
    __builtin_prefetch(next.data() + at, 0, 2);
  }
}

// Rows from .. to - 1 of the segment. The sink has
//   Pass pass(): the pass it wants now;
//   void set_thresholds(ScanState&): fills state.thresholds for state.packed, unit and reach;
//   void take(ScanState&, row, query, hit): row of the whole corpus, query of the packed range.
template <class Sink>
[[nodiscard]] base::Status scan(ScanState& state, Passes& passes, const Segment& segment, std::size_t from,
                                std::size_t to, const Options& options, Bound bound, Sink& sink) {
  constexpr std::size_t hits_at_once = std::max<std::size_t>(kernels::similarity::max_tile_hits, 8192);
  state.hits.resize(hits_at_once);
  std::size_t chunk = 0;
  for (std::size_t first = from; first < to; first += chunk) {
    if (options.cancelled()) return base::Status::fail(base::Code::aborted, "the operation was aborted");
    const Pass wanted = sink.pass();
    const bool few = passes.few(wanted, segment.prepared());
    // Codes that are there already are a quarter of the rows' size.
    const std::size_t stride =
        wanted == Pass::int8 && segment.prepared() ? segment.codes.stride : segment.rows.dim * sizeof(float);
    const bool in_place = stride == segment.codes.stride || segment.rows.type == DType::float32;
    chunk = few && in_place ? rows_per_stretch(stride) : rows_per_chunk(stride);
    // The first rows of all set the thresholds: until there are some, everything is a hit.
    constexpr std::size_t whole = kernels::similarity::row_multiple;
    chunk = std::min(chunk, std::max(whole, state.seen / whole * whole));
    const std::size_t count = std::min(chunk, to - first);
    state.seen += count;
    bool changed = state.packed == nullptr;
    base::Status status =
        few ? load_few(state, passes, wanted, segment, first, count, options.metric, bound, changed)
            : load_chunk(state, passes, wanted, segment, first, count, options.metric, bound, changed);
    if (!status.ok()) return status;
    if (changed || first == from) sink.set_thresholds(state);
    const PackedQueries& packed = *state.packed;
    auto block = state.rows.block();
    const auto next = state.rows.following(std::min(chunk, segment.rows.rows - first - count));
    if (few) {
      const float* dot = state.dots.data();
      const bool valued = wanted == Pass::int8;
      Glance glance(state, options.metric);
      for (std::size_t q = 0; q < packed.count(); ++q) glance.set_threshold(q, state.thresholds[q]);
      // Where the kernel reads two streams, lines that are asked for here come no sooner and make the scores
      // wait: a tenth of the time of one query.
      const bool fetching = !kernels::made_by_amd();
      for (std::size_t j = 0; j < count; ++j) {
        if (fetching) fetch_some(next, j);
        bool settled = !state.unsettled;
        for (std::size_t q = 0; q < packed.count(); ++q, ++dot) {
          if (!settled && !glance.may_reach(q, *dot, state.squares[j])) continue;
          if (!settled) settle(state, segment, first, j);
          settled = true;
          const float value = valued ? *dot : *dot * block.row_scale[j] + block.row_offset[j];
          if (!(value >= state.thresholds[q])) continue;
          const kernels::similarity::Hit hit{value, static_cast<std::uint32_t>(j),
                                             static_cast<std::uint32_t>(q)};
          sink.take(state, segment.first + first + j, q, hit);
          ++state.taken;
          glance.set_threshold(q, state.thresholds[q]);
        }
      }
      continue;
    }
    for (std::size_t group = 0; group < packed.groups(); ++group) {
      const std::size_t first_query = group * packed.width();
      block.panels = packed.panels(group);
      block.panel_count = packed.panels_of(group);
      block.query_scale = packed.scale() + first_query;
      set_soon(block, packed, group, group + 1, next);
      kernels::similarity::Filter filter{state.thresholds.data() + first_query, state.hits.data(),
                                         hits_at_once, 0};
      for (std::size_t row = 0; row < block.count;) {
        row = packed.variant().filter(block, row, filter);
        for (std::size_t i = 0; i < filter.count; ++i) {
          const auto& hit = state.hits[i];
          sink.take(state, segment.first + first + hit.row, first_query + hit.query, hit);
        }
        state.taken += filter.count;
        filter.count = 0;
      }
    }
  }
  return base::Status::good();
}

}  // namespace diptych::similarity
