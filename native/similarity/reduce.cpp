#include "similarity/reduce.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "similarity/candidates.hpp"
#include "similarity/exact.hpp"
#include "similarity/norms.hpp"
#include "similarity/parallel.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

namespace {
constexpr std::size_t slab_rows = 1024;
}

Status rank(const Rows& queries, const Rows& rows, std::size_t per_query,
            std::span<const std::int32_t> candidates, std::span<std::int32_t> indices,
            std::span<float> scores, const Options& options) {
  std::vector<double> norms(std::max(queries.rows, rows.rows));
  if (Status status = row_norms(queries, "queries", norms, options); !status.ok()) return status;
  if (Status status = row_norms(rows, "rows", norms, options); !status.ok()) return status;
  const std::size_t dim = rows.dim;
  return for_each_slab(queries.rows, options, [&](std::size_t, std::size_t q) {
    std::vector<float> query_scratch(dim);
    std::vector<float> row_scratch(dim);
    const ExactRow x = exact_row(queries.floats(q, query_scratch.data()), dim, options.metric);
    std::vector<Scored> list;
    for (const std::int32_t index : candidates.subspan(q * per_query, per_query)) {
      if (index < 0 || static_cast<std::size_t>(index) >= rows.rows) {
        return Status::fail(Code::bad_input, "candidates: query " + std::to_string(q) + " names row " +
                                                 std::to_string(index) + " of " + std::to_string(rows.rows));
      }
      const auto row = static_cast<std::size_t>(index);
      const float* const y = rows.floats(row, row_scratch.data());
      const double score = exact_score(x, exact_row(y, dim, options.metric), dim, options.metric);
      list.push_back({order_key(score, options.metric), score, row});
    }
    std::ranges::sort(list, ranks_before);
    for (std::size_t i = 0; i < list.size(); ++i) {
      indices[q * per_query + i] = static_cast<std::int32_t>(list[i].row);
      scores[q * per_query + i] = static_cast<float>(list[i].score);
    }
    return Status::good();
  });
}

Status normalise(const Rows& rows, std::span<float> out, const Options& options) {
  std::vector<double> norms(rows.rows);
  if (Status status = row_norms(rows, "rows", norms, options); !status.ok()) return status;
  const std::size_t slabs = (rows.rows + slab_rows - 1) / slab_rows;
  return for_each_slab(slabs, options, [&](std::size_t, std::size_t slab) {
    std::vector<float> scratch(rows.dim);
    for (std::size_t i = slab * slab_rows; i < std::min(rows.rows, (slab + 1) * slab_rows); ++i) {
      const float* const x = rows.floats(i, scratch.data());
      float* const to = out.data() + i * rows.dim;
      for (std::size_t k = 0; k < rows.dim; ++k) {
        to[k] = norms[i] == 0 ? 0.0f : static_cast<float>(static_cast<double>(x[k]) / norms[i]);
      }
    }
    return Status::good();
  });
}

Status mean(const Rows& rows, std::span<double> out, const Options& options) {
  std::vector<double> norms(rows.rows);
  if (Status status = row_norms(rows, "rows", norms, options); !status.ok()) return status;
  const std::size_t slabs = (rows.rows + slab_rows - 1) / slab_rows;
  std::vector<double> sums(slabs * rows.dim);
  Status status = for_each_slab(slabs, options, [&](std::size_t, std::size_t slab) {
    std::vector<float> scratch(rows.dim);
    double* const sum = sums.data() + slab * rows.dim;
    for (std::size_t i = slab * slab_rows; i < std::min(rows.rows, (slab + 1) * slab_rows); ++i) {
      const double length = options.metric == Metric::cosine ? norms[i] : 1;
      if (length == 0) continue;
      const float* const x = rows.floats(i, scratch.data());
      for (std::size_t k = 0; k < rows.dim; ++k) sum[k] += static_cast<double>(x[k]) / length;
    }
    return Status::good();
  });
  std::ranges::fill(out, 0.0);
  for (std::size_t slab = 0; slab < slabs; ++slab) {
    for (std::size_t k = 0; k < rows.dim; ++k)
      out[k] += sums[slab * rows.dim + k] / static_cast<double>(rows.rows);
  }
  return status;
}

}  // namespace diptych::similarity
