#include "similarity/dense.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "similarity/active.hpp"
#include "similarity/blocking.hpp"
#include "similarity/encoded_rows.hpp"
#include "similarity/exact.hpp"
#include "similarity/norms.hpp"
#include "similarity/packed_queries.hpp"
#include "similarity/parallel.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

namespace {

// Every score to float64's precision, rounded once: far slower than the tiles, for those who must have it.
Status dense_exact(const Rows& a, const Rows& b, std::span<float> out, const Options& options) {
  const std::size_t dim = a.dim;
  std::vector<float> wide(b.type == DType::float32 ? 0 : b.rows * dim);
  if (b.type != DType::float32) widen(b.data, b.type, wide.size(), wide.data());
  std::vector<ExactRow> columns(b.rows);
  for (std::size_t j = 0; j < b.rows; ++j) columns[j] = exact_row(b.floats(j, wide.data() + j * dim), dim);
  return for_each_slab(a.rows, options, [&](std::size_t, std::size_t i) {
    std::vector<float> scratch(a.type == DType::float32 ? 0 : dim);
    const ExactRow x = exact_row(a.floats(i, scratch.data()), dim);
    for (std::size_t j = 0; j < b.rows; ++j) {
      if (j % 1024 == 0 && options.cancelled())
        return Status::fail(Code::aborted, "the operation was aborted");
      out[i * b.rows + j] = static_cast<float>(exact_score(x, columns[j], dim, options.metric));
    }
    return Status::good();
  });
}

}  // namespace

Status dense(const Rows& a, const Rows& b, std::span<float> out, const Options& options) {
  std::vector<double> a_norms(a.rows);
  std::vector<double> b_norms(b.rows);
  if (Status status = row_norms(a, "a", a_norms, options); !status.ok()) return status;
  if (Status status = row_norms(b, "b", b_norms, options); !status.ok()) return status;
  if (options.precision == Precision::exact) return dense_exact(a, b, out, options);

  PackedQueries packed;
  if (Status status = packed.pack_fp32(active_fp32(), b, 0, b.rows, b_norms, options.metric); !status.ok()) {
    return status;
  }
  const bool cosine = options.metric == Metric::cosine;
  const float limit = cosine ? 1.0f : std::numeric_limits<float>::infinity();
  const std::size_t chunk = rows_per_chunk(a.dim * sizeof(float));
  const std::size_t slabs = (a.rows + chunk - 1) / chunk;
  std::vector<EncodedRows> encoded(worker_count(slabs, options));
  return for_each_slab(slabs, options, [&](std::size_t worker, std::size_t slab) {
    EncodedRows& rows = encoded[worker];
    const std::size_t first = slab * chunk;
    const std::size_t count = std::min(chunk, a.rows - first);
    Status status = rows.encode_fp32(a, first, count, a_norms, options.metric, Bound::none);
    if (!status.ok()) return status;
    for (std::size_t group = 0; group < packed.groups(); ++group) {
      if (options.cancelled()) return Status::fail(Code::aborted, "the operation was aborted");
      const std::size_t column = group * packed.width();
      const std::size_t columns = std::min(packed.width(), b.rows - column);
      auto block = rows.block();
      block.panels = packed.panels(group);
      block.panel_count = packed.panels_of(group);
      block.query_scale = packed.scale() + column;
      packed.variant().dense(block, {out.data() + first * b.rows + column, b.rows, columns, -limit, limit});
      if (cosine) continue;
      for (std::size_t j = 0; j < count; ++j) {
        float* const line = out.data() + (first + j) * b.rows + column;
        for (std::size_t q = 0; q < columns; ++q) {
          line[q] =
              static_cast<float>(static_cast<double>(line[q]) * packed.factor(column + q) * rows.unit());
        }
      }
    }
    return Status::good();
  });
}

}  // namespace diptych::similarity
