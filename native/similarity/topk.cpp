#include "similarity/topk.hpp"

#include <algorithm>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "similarity/candidates.hpp"
#include "similarity/codes.hpp"
#include "similarity/norms.hpp"
#include "similarity/passes.hpp"
#include "similarity/query_block.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

std::size_t queries_per_block(std::size_t k, const Options& options) noexcept {
  constexpr std::size_t budget = std::size_t{64} << 20;
  const std::size_t list = std::max<std::size_t>(128, 8 * k) * sizeof(Candidate) * (options.threads + 1);
  return std::clamp<std::size_t>(budget / list, 1, 1024);
}

Status top_k(const Rows& queries, std::span<Segment> segments, std::span<const float> centre, std::size_t k,
             std::span<std::int32_t> indices, std::span<float> scores, const Options& options) {
  std::vector<double> query_norms(queries.rows);
  if (Status status = row_norms(queries, "queries", query_norms, options); !status.ok()) return status;
  const std::size_t step = queries_per_block(k, options);
  for (std::size_t first = 0; first < queries.rows; first += step) {
    const std::size_t count = std::min(step, queries.rows - first);
    QueryBlock block(queries, first, count, query_norms, centre, k, options);
    for (Segment& segment : segments) {
      if (Status status = block.search(segment); !status.ok()) return status;
    }
    block.finish(indices.subspan(first * k, count * k), scores.subspan(first * k, count * k));
  }
  return Status::good();
}

Status top_k(const Rows& queries, const Rows& rows, std::size_t k, std::span<std::int32_t> indices,
             std::span<float> scores, const Options& options) {
  // Not cleared: few queries want the lengths of few rows.
  base::AlignedBuffer<double> lengths;
  if (!lengths.reserve(rows.rows)) {
    return Status::fail(Code::out_of_memory, "not enough memory for the rows' lengths");
  }
  const std::span<double> norms = lengths.first(rows.rows);
  // The sample costs a tenth of what one query over all rows does: only where codes will be made.
  const bool coded =
      search_pass(options.precision, queries.rows, queries.rows, rows.dim, false) == Pass::int8;
  const std::vector<float> centre = coded ? centre_of(rows, options.metric) : std::vector<float>(rows.dim);
  Segment segment{rows, 0, norms, norms, {}};
  Status status = top_k(queries, {&segment, 1}, centre, k, indices, scores, options);
  return named_bad_row(std::move(status), rows, "rows", options);
}

}  // namespace diptych::similarity
