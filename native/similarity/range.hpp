// Every pair of rows at least so similar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"
#include "similarity/segment.hpp"

namespace diptych::similarity {

struct ScoredPair {
  std::int32_t query;
  std::int32_t row;
  float score;
  // What orders the pairs of a query: of `exact` the key of the true score (exact.hpp), which two floats may
  // hide.
  double key;
};

struct RangeQuery {
  // Rows first .. first + count - 1 of `queries` are asked.
  const Rows& queries;
  std::size_t first;
  std::size_t count;
  double threshold;
  // The queries are the corpus' own rows, row 0 of them its row `base`: each pair once, with row > query.
  bool self;
  // Added to every query's index.
  std::size_t base;
  // More pairs than this are a failure, not a full memory.
  std::size_t limit;
};

// All pairs whose score is at least the threshold; exact: whose true score is. Sorted by query, then key
// down, then row up; scores do not rise within a query. Segments must have known lengths.
[[nodiscard]] base::Status range_search(const RangeQuery& query, std::span<Segment> segments,
                                        std::span<const float> centre, const Options& options,
                                        std::vector<ScoredPair>& out);

}  // namespace diptych::similarity
