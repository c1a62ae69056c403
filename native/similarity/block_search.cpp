#include "similarity/block_search.hpp"

#include <algorithm>

#include "similarity/codes.hpp"
#include "similarity/norms.hpp"
#include "similarity/topk.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

Status BlockSearch::start(const Rows& queries, const Rows& sample, std::size_t k, const Options& options,
                          std::unique_ptr<BlockSearch>& out) {
  std::unique_ptr<BlockSearch> made(new BlockSearch(queries, k, options));
  if (Status status = row_norms(queries, "queries", made->query_norms_, options); !status.ok()) return status;
  made->centre_ = centre_of(sample, options.metric);
  const std::size_t step = queries_per_block(k, options);
  for (std::size_t first = 0; first < queries.rows; first += step) {
    made->blocks_.push_back(
        std::make_unique<QueryBlock>(made->queries_, first, std::min(step, queries.rows - first),
                                     made->query_norms_, made->centre_, k, made->options_));
  }
  out = std::move(made);
  return Status::good();
}

Status BlockSearch::search(const Rows& rows, const Options& options) {
  options_.cancelled = options.cancelled;
  options_.progress = options.progress;
  norms_.resize(rows.rows);
  Segment segment{rows, seen_, norms_, norms_, {}};
  for (const auto& block : blocks_) {
    Status status = block->search(segment);
    if (!status.ok()) return named_bad_row(std::move(status), rows, "rows", options_, seen_);
  }
  seen_ += rows.rows;
  return Status::good();
}

Status BlockSearch::finish(std::span<std::int32_t> indices, std::span<float> scores) {
  if (seen_ < k_) return Status::fail(Code::bad_input, "k: more than the rows that came");
  std::size_t done = 0;
  const std::size_t step = queries_per_block(k_, options_) * k_;
  for (const auto& block : blocks_) {
    const std::size_t count = std::min(step, indices.size() - done);
    block->finish(indices.subspan(done, count), scores.subspan(done, count));
    done += count;
  }
  return Status::good();
}

}  // namespace diptych::similarity
