#include "similarity/scan.hpp"

#include <string>

#include "similarity/rounding.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

float threshold_for(const ScanState& state, std::size_t query, double least) noexcept {
  return round_down(least / (state.packed->factor(query) * state.unit) - state.packed->shift(query));
}

Status load_chunk(ScanState& state, Passes& passes, Pass wanted, const Segment& segment, std::size_t first,
                  std::size_t count, Metric metric, Bound bound, bool& changed) {
  const auto norms = segment.norms.subspan(first, count);
  if (!segment.to_fill.empty() && !quick_norms(segment.rows, first, segment.to_fill.subspan(first, count))) {
    return Status::fail(Code::bad_input, std::string(unnamed_bad_row));
  }
  const Pass pass = wanted == Pass::int8 && !segment.prepared() && !codable(segment.rows.dim, norms, metric)
                        ? Pass::fp32
                        : wanted;
  const PackedQueries* packed = nullptr;
  if (Status status = passes.get(pass, &packed); !status.ok()) return status;
  Status status;
  switch (pass) {
    case Pass::fp32:
      status = state.rows.encode_fp32(segment.rows, first, count, segment.norms, metric, bound);
      break;
    case Pass::bf16:
      status = state.rows.encode_bf16(segment.rows, first, count, segment.norms, metric);
      break;
    case Pass::int8:
      if (segment.prepared()) {
        state.rows.use_codes(segment.codes.part(first, count), *packed, bound);
      } else {
        status = state.rows.encode_int8(segment.rows, first, count, segment.norms, metric, passes.centre(),
                                        *packed, bound);
      }
      break;
  }
  if (packed != state.packed || state.rows.unit() != state.unit) {
    state.pass = pass;
    state.packed = packed;
    state.unit = state.rows.unit();
    changed = true;
  }
  return status;
}

}  // namespace diptych::similarity
