#include "similarity/packed_queries.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace diptych::similarity {

using base::Code;
using base::Status;
using kernels::similarity::panel_width;
using kernels::similarity::Variant;

std::size_t PackedQueries::panels_of(std::size_t group) const noexcept {
  const std::size_t left = count_ - group * width_;
  return (std::min(left, width_) + panel_width - 1) / panel_width;
}

std::byte* PackedQueries::lane(std::size_t query) noexcept {
  const std::size_t group = query / width_;
  return panels_.data() + (group * width_ * words_ + query % width_) * 4;
}

std::size_t PackedQueries::lane_step(std::size_t query) const noexcept {
  return panels_of(query / width_) * panel_width * 4;
}

Status PackedQueries::reserve(const Variant& variant, std::size_t count, std::size_t words) {
  variant_ = &variant;
  count_ = count;
  words_ = words;
  width_ = variant.group * panel_width;
  const std::size_t padded = (count + panel_width - 1) / panel_width * panel_width;
  std::size_t bytes = 0;
  if (!base::multiply(padded, words * 4, &bytes) || !panels_.reserve(bytes)) {
    return Status::fail(Code::out_of_memory, "not enough memory to pack the queries: pass fewer at a time");
  }
  std::fill_n(panels_.data(), bytes, std::byte{0});
  scale_.assign(padded, 1.0f);
  factor_.assign(count, 1.0);
  shift_.assign(count, 0.0);
  return Status::good();
}

Status PackedQueries::pack_fp32(const Variant& variant, const Rows& rows, std::size_t first,
                                std::size_t count, std::span<const double> norms, Metric metric) {
  if (Status status = reserve(variant, count, rows.dim); !status.ok()) return status;
  std::vector<float> scratch(rows.type == DType::float32 ? 0 : rows.dim);
  for (std::size_t q = 0; q < count; ++q) {
    const double norm = norms[first + q];
    if (norm == 0) continue;
    double scale = 1 / norm;
    if (metric == Metric::dot) {
      const int exponent = std::ilogb(norm) + 1;
      scale = std::ldexp(1.0, -exponent);
      factor_[q] = std::ldexp(1.0, exponent);
    }
    const float* const x = rows.floats(first + q, scratch.data());
    std::byte* to = lane(q);
    const std::size_t step = lane_step(q);
    for (std::size_t k = 0; k < rows.dim; ++k, to += step) {
      const auto value = static_cast<float>(static_cast<double>(x[k]) * scale);
      std::memcpy(to, &value, sizeof value);
    }
  }
  return Status::good();
}

}  // namespace diptych::similarity
