#include "similarity/dense.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "similarity/blocking.hpp"
#include "similarity/codes.hpp"
#include "similarity/exact.hpp"
#include "similarity/norms.hpp"
#include "similarity/parallel.hpp"
#include "similarity/passes.hpp"
#include "similarity/scan.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

namespace {

// Every score to float64's precision, rounded once: far slower than the tiles, for those who must have it.
Status dense_exact(const Rows& a, const Rows& b, std::span<float> out, const Options& options,
                   const std::function<void(std::span<float>)>& finish) {
  const std::size_t dim = a.dim;
  std::vector<float> wide(b.type == DType::float32 ? 0 : b.rows * dim);
  if (b.type != DType::float32) widen(b.data, b.type, wide.size(), wide.data());
  std::vector<ExactRow> columns(b.rows);
  for (std::size_t j = 0; j < b.rows; ++j) {
    columns[j] = exact_row(b.floats(j, wide.data() + j * dim), dim, options.metric);
  }
  return for_each_slab(a.rows, options, [&](std::size_t, std::size_t i) {
    std::vector<float> scratch(a.type == DType::float32 ? 0 : dim);
    const ExactRow x = exact_row(a.floats(i, scratch.data()), dim, options.metric);
    for (std::size_t j = 0; j < b.rows; ++j) {
      if (j % 1024 == 0 && options.cancelled())
        return Status::fail(Code::aborted, "the operation was aborted");
      out[i * b.rows + j] = static_cast<float>(exact_score(x, columns[j], dim, options.metric));
    }
    if (finish) finish(out.subspan(i * b.rows, b.rows));
    return Status::good();
  });
}

// What brings a kernel's values to scores, where a product of floats can do it: powers of two for fp32 and
// bf16, folded into the queries' scales. Empty where it cannot.
std::vector<float> folded_scales(const PackedQueries& packed, double unit, std::size_t columns) {
  std::vector<float> scales(packed.groups() * packed.width(), 1.0f);
  for (std::size_t q = 0; q < columns; ++q) {
    const double factor = packed.factor(q) * unit;
    if (packed.shift(q) != 0 || factor < 0x1p-100 || factor > 0x1p100) return {};
    scales[q] = packed.scale()[q] * static_cast<float>(factor);
  }
  return scales;
}

// A kernel's lines lie a whole row of the matrix apart, where they share a few sets of the caches. Of those
// shorter than this, so many columns are made before they are written.
constexpr std::size_t shortest_line = 64;
constexpr std::size_t columns_to_write = 256;

// A worker's buffers: its rows, and scores on their way to the matrix.
struct DenseState {
  ScanState scan;
  base::AlignedBuffer<float> scores;
};

// What the kernel's values are to be before they are scores, where that was not folded into the scales.
void finish_values(std::span<float> values, const ScanState& state, std::size_t first, bool cosine) {
  const PackedQueries& packed = *state.packed;
  for (std::size_t q = 0; q < values.size(); ++q) {
    const double value =
        (static_cast<double>(values[q]) + packed.shift(first + q)) * packed.factor(first + q) * state.unit;
    values[q] = static_cast<float>(cosine ? std::clamp(value, -1.0, 1.0) : value) + 0.0f;
  }
}

// One loaded chunk against all packed rows; `out` starts at the chunk's first row.
Status dense_chunk(DenseState& dense, std::span<const std::byte> next, std::span<float> out,
                   std::size_t columns, const Options& options) {
  const ScanState& state = dense.scan;
  const PackedQueries& packed = *state.packed;
  const bool cosine = options.metric == Metric::cosine;
  const float limit = cosine ? 1.0f : std::numeric_limits<float>::infinity();
  const std::vector<float> folded =
      state.pass == Pass::int8 ? std::vector<float>{} : folded_scales(packed, state.unit, columns);
  auto block = state.rows.block();
  const std::size_t at_once = packed.variant().groups_at_once;
  const bool direct = packed.width() * at_once >= shortest_line;
  const std::size_t groups_to_write = direct ? at_once : columns_to_write / packed.width();
  const std::size_t stride = direct ? columns : columns_to_write;
  if (!direct && !dense.scores.reserve(block.count * stride)) {
    return Status::fail(Code::out_of_memory, "not enough memory for a block of scores");
  }
  for (std::size_t group = 0; group < packed.groups();) {
    if (options.cancelled()) return Status::fail(Code::aborted, "the operation was aborted");
    const std::size_t first = group * packed.width();
    const std::size_t end = std::min(packed.groups(), group + groups_to_write);
    float* const scores = direct ? out.data() + first : dense.scores.data();
    while (group < end) {
      const std::size_t from = group * packed.width();
      const std::size_t next_group = std::min(end, group + at_once);
      block.panels = packed.panels(group);
      block.panel_count =
          (next_group - group - 1) * packed.variant().group + packed.panels_of(next_group - 1);
      block.query_scale = (folded.empty() ? packed.scale() : folded.data()) + from;
      set_soon(block, packed, group, next_group, next);
      const std::size_t width = std::min((next_group - group) * packed.width(), columns - from);
      packed.variant().dense(block, {scores + (from - first), stride, width, -limit, limit});
      group = next_group;
    }
    const std::size_t count = std::min(end * packed.width(), columns) - first;
    for (std::size_t j = 0; j < block.count; ++j) {
      const std::span<float> line(scores + j * stride, count);
      if (folded.empty()) finish_values(line, state, first, cosine);
      if (!direct) std::ranges::copy(line, out.data() + j * columns + first);
    }
  }
  return Status::good();
}

}  // namespace

Status dense(const Rows& a, const Rows& b, std::span<float> out, const Options& options,
             const std::function<void(std::span<float>)>& finish) {
  std::vector<double> a_norms(a.rows);
  std::vector<double> b_norms(b.rows);
  if (Status status = row_norms(a, "a", a_norms, options); !status.ok()) return status;
  if (Status status = row_norms(b, "b", b_norms, options); !status.ok()) return status;
  if (options.precision == Precision::exact) return dense_exact(a, b, out, options, finish);

  const std::vector<float> centre =
      options.precision == Precision::int8 ? centre_of(b, options.metric) : std::vector<float>{};
  Passes passes(b, 0, b.rows, b_norms, centre, options);
  const Pass pass = options.precision == Precision::fp32
                        ? fp32_pass(std::min(a.rows, b.rows), b.dim)
                        : choose_pass(options.precision, b.rows, b.dim, false);
  const PackedQueries* packed = nullptr;
  if (Status status = passes.get(pass, &packed); !status.ok()) return status;
  const std::size_t chunk = rows_per_chunk(a.dim * sizeof(float));
  const std::size_t slabs = (a.rows + chunk - 1) / chunk;
  std::vector<DenseState> states(worker_count(slabs, options));
  const Segment segment{a, 0, a_norms, {}, {}};
  return for_each_slab(slabs, options, [&](std::size_t worker, std::size_t slab) {
    const std::size_t first = slab * chunk;
    DenseState& state = states[worker];
    bool changed = false;
    const std::size_t count = std::min(chunk, a.rows - first);
    Status status =
        load_chunk(state.scan, passes, pass, segment, first, count, options.metric, Bound::none, changed);
    if (!status.ok()) return status;
    const auto next = state.scan.rows.following(std::min(chunk, a.rows - first - count));
    status = dense_chunk(state, next, out.subspan(first * b.rows), b.rows, options);
    if (status.ok() && finish) finish(out.subspan(first * b.rows, count * b.rows));
    return status;
  });
}

}  // namespace diptych::similarity
