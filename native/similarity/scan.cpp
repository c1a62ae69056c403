#include "similarity/scan.hpp"

#include <cmath>
#include <string>

#include "similarity/active.hpp"
#include "similarity/rounding.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

// Products with so many take longer than memory takes to bring the rows.
constexpr std::size_t many_queries = 256;

float threshold_for(const ScanState& state, std::size_t query, double least) noexcept {
  const double extra = state.reach * state.packed->extra_code_error(query);
  return round_down(least / (state.packed->factor(query) * state.unit) - state.packed->shift(query) - extra);
}

namespace {

// Whether thresholds made for what the state was are of use no more.
bool adopt(ScanState& state, Pass pass, const PackedQueries* packed) noexcept {
  if (packed == state.packed && state.rows.unit() == state.unit && state.rows.reach() == state.reach) {
    return false;
  }
  state.pass = pass;
  state.packed = packed;
  state.unit = state.rows.unit();
  state.reach = state.rows.reach();
  return true;
}

}  // namespace

Status load_chunk(ScanState& state, Passes& passes, Pass wanted, const Segment& segment, std::size_t first,
                  std::size_t count, Metric metric, Bound bound, bool& changed) {
  const auto norms = segment.norms.subspan(first, count);
  // Rows come from memory all the time: few queries leave the products too short for that.
  const std::size_t ahead = passes.count() < many_queries ? count / 2 : 0;
  const bool coded_now = wanted == Pass::int8 && !segment.prepared();
  // Copies, codes and lengths come from one read.
  if (coded_now) {
    Status status =
        state.rows.make_codes(segment.rows, first, count, segment.to_fill, metric, passes.centre(), ahead);
    if (!status.ok()) return status;
  } else if (wanted == Pass::fp32 && !segment.to_fill.empty() &&
             !quick_norms(segment.rows, first, segment.to_fill.subspan(first, count))) {
    return Status::fail(Code::bad_input, std::string(unnamed_bad_row));
  }
  const Pass pass = coded_now && !codable(segment.rows.dim, norms, metric) ? Pass::fp32 : wanted;
  const PackedQueries* packed = nullptr;
  Status status = passes.get(pass, &packed);
  if (!status.ok()) return status;
  switch (pass) {
    case Pass::fp32:
      status = state.rows.encode_fp32(segment.rows, first, count, segment.norms, metric, bound);
      break;
    case Pass::bf16:
      status = state.rows.encode_bf16(segment.rows, first, count, segment.norms, segment.to_fill, metric,
                                      bound, ahead);
      break;
    case Pass::digits:
      status = state.rows.encode_digits(segment.rows, first, count, segment.norms, segment.to_fill, metric,
                                        bound, ahead);
      break;
    case Pass::int8:
      if (segment.prepared()) {
        state.rows.use_codes(segment.codes.part(first, count), segment.rows.dim, passes.centre(), *packed,
                             bound);
      } else {
        state.rows.encode_int8(segment.rows, first, norms, metric, passes.centre(), *packed, bound, ahead);
      }
      break;
  }
  changed = adopt(state, pass, packed) || changed;
  return status;
}

Status load_few(ScanState& state, Passes& passes, Pass pass, const Segment& segment, std::size_t first,
                std::size_t count, Metric metric, Bound bound, bool& changed) {
  const PackedQueries* packed = nullptr;
  if (Status status = passes.get(pass, &packed); !status.ok()) return status;
  state.dots.resize(count * packed->count());
  state.unsettled = false;
  if (pass == Pass::int8) {
    state.rows.use_codes(segment.codes.part(first, count), segment.rows.dim, passes.centre(), *packed, bound);
    auto block = state.rows.block();
    block.query_scale = packed->scale();
    packed->variant().few(
        {block, packed->plain_codes(), packed->count(), state.dots.data(), kernels::made_by_amd()});
    changed = adopt(state, pass, packed) || changed;
    return Status::good();
  }
  state.squares.resize(count);
  const auto products = [&](const float* rows) {
    active_rows().few({rows, segment.rows.dim, count, segment.rows.dim, packed->plain(), packed->count(),
                       state.dots.data(), state.squares.data(), kernels::made_by_amd()});
  };
  const bool direct = segment.rows.type == DType::float32;
  const auto* const rows = reinterpret_cast<const float*>(segment.rows.at(first));
  if (direct) products(rows);
  // Queries still to come would want all lengths.
  if (direct && passes.whole() && !segment.to_fill.empty() &&
      plain_squares(segment.rows.dim, state.squares, state.longest)) {
    state.unsettled = true;
    state.rows.start_fp32(segment.rows, first, count, metric, bound);
    changed = adopt(state, pass, packed) || changed;
    return Status::good();
  }
  if (!segment.to_fill.empty()) {
    const auto norms = segment.to_fill.subspan(first, count);
    const bool finite = direct ? norms_from_squares(segment.rows, first, state.squares, norms)
                               : quick_norms(segment.rows, first, norms);
    if (!finite) return Status::fail(Code::bad_input, std::string(unnamed_bad_row));
  }
  Status status = state.rows.encode_fp32(segment.rows, first, count, segment.norms, metric, bound);
  if (!status.ok()) return status;
  // Copies scaled by powers of two, where lengths are extreme or elements are not floats.
  if (!state.rows.in_place()) products(reinterpret_cast<const float*>(state.rows.block().rows));
  changed = adopt(state, Pass::fp32, packed) || changed;
  return status;
}

void settle(ScanState& state, const Segment& segment, std::size_t first, std::size_t row) {
  double& norm = segment.to_fill[first + row];
  norm = std::sqrt(static_cast<double>(state.squares[row]));
  state.rows.settle(row, norm);
}

void set_soon(kernels::similarity::Block& block, const PackedQueries& packed, std::size_t first,
              std::size_t end, std::span<const std::byte> next) noexcept {
  if (block.count == 0) return;
  const std::size_t groups = packed.groups();
  const std::size_t after = end == groups ? 0 : end;
  if (first != after) block.soon[0] = {packed.panels(after), packed.group_bytes(after) / block.count};
  const std::size_t part = next.size() / groups;
  block.soon[1] = {next.data() + first * part, (end - first) * part / block.count};
}

}  // namespace diptych::similarity
