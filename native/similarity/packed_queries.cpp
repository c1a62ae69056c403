#include "similarity/packed_queries.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "base/huge_pages.hpp"
#include "similarity/parallel.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;
using kernels::similarity::DigitsVariant;
using kernels::similarity::panel_width;
using kernels::similarity::Variant;

namespace {

// Words of a row padded to whole tiles of 64 bytes.
std::size_t padded_words(std::size_t dim, std::size_t per_word) noexcept {
  constexpr std::size_t whole = kernels::similarity::code_padding / 4;
  return ((dim + per_word - 1) / per_word + whole - 1) / whole * whole;
}

// The panels of a search that has ended, for the next one: the system takes as long to clear new pages as the
// products of forty rows with the queries that fill them.
class SparePanels {
 public:
  [[nodiscard]] base::AlignedBuffer<std::byte> take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    return panels_.capacity() < bytes ? base::AlignedBuffer<std::byte>() : std::exchange(panels_, {});
  }
  void give(base::AlignedBuffer<std::byte>& panels) noexcept {
    if (panels.capacity() > most) return;
    const std::lock_guard lock(mutex_);
    if (panels_.capacity() < panels.capacity()) std::swap(panels_, panels);
  }

 private:
  static constexpr std::size_t most = std::size_t{16} << 20;
  std::mutex mutex_;
  base::AlignedBuffer<std::byte> panels_;
};

// Never destroyed: a search may outlive main.
SparePanels& spare_panels() {
  static SparePanels* const spare = new SparePanels;
  return *spare;
}

}  // namespace

PackedQueries::~PackedQueries() { spare_panels().give(panels_); }

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
  const bool countable = base::multiply(padded, words * 4, &bytes);
  if (countable && panels_.capacity() < bytes) panels_ = spare_panels().take(bytes);
  if (!countable || !panels_.reserve(bytes)) {
    return Status::fail(Code::out_of_memory, "not enough memory to pack the queries: pass fewer at a time");
  }
  base::use_huge_pages(panels_.data(), bytes);
  std::fill_n(panels_.data(), bytes, std::byte{0});
  code_length_ = code_error_ = least_code_error_ = all_extra_ = 0;
  extra_code_error_.assign(count, 0.0);
  scale_.assign(padded, 1.0f);
  factor_.assign(count, 1.0);
  shift_.assign(count, 0.0);
  return Status::good();
}

double PackedQueries::scaling(std::size_t query, double norm, Metric metric) {
  if (metric == Metric::cosine) return 1 / norm;
  const int exponent = std::ilogb(norm) + 1;
  factor_[query] = std::ldexp(1.0, exponent);
  return std::ldexp(1.0, -exponent);
}

template <class Put>
Status PackedQueries::each(const Source& source, Put put) {
  // One panel at a time: no two threads write to the same cache line.
  const std::size_t panels = (count_ + panel_width - 1) / panel_width;
  return for_each_slab(panels, source.options, [&](std::size_t, std::size_t panel) {
    std::vector<float> scratch(source.rows.dim);
    const std::size_t end = std::min(count_, (panel + 1) * panel_width);
    for (std::size_t q = panel * panel_width; q < end; ++q) {
      const double norm = source.norms[source.first + q];
      if (norm == 0) continue;
      const double scale = scaling(q, norm, source.options.metric);
      put(q, source.rows.floats(source.first + q, scratch.data()), scale);
    }
    return Status::good();
  });
}

void PackedQueries::scale_to(const Source& source, std::size_t query, float* to) {
  const double norm = source.norms[source.first + query];
  if (norm == 0) return;
  const double scale = scaling(query, norm, source.options.metric);
  const std::size_t dim = source.rows.dim;
  const float* const x = source.rows.floats(source.first + query, to);
  if (scale > 0x1p-60 && scale < 0x1p60) {
    const auto narrow = static_cast<float>(scale);
    for (std::size_t k = 0; k < dim; ++k) to[k] = x[k] * narrow;
  } else {
    for (std::size_t k = 0; k < dim; ++k) to[k] = static_cast<float>(static_cast<double>(x[k]) * scale);
  }
}

void PackedQueries::turn(std::size_t first, std::size_t count, const float* words) {
  // Moved as floats, which keeps any word's bits: nothing is computed with them.
  float* to = reinterpret_cast<float*>(lane(first));
  const std::size_t step = lane_step(first) / sizeof(float);
  for (std::size_t k = 0; k < words_; ++k, to += step) {
    for (std::size_t i = 0; i < count; ++i) to[i] = words[i * words_ + k];
  }
}

Status PackedQueries::pack_fp32(const Variant& variant, const Source& source, bool plainly) {
  const std::size_t dim = source.rows.dim;
  if (Status status = reserve(variant, source.count, dim); !status.ok()) return status;
  const std::size_t panels = (count_ + panel_width - 1) / panel_width;
  std::size_t floats = 0;
  if (plainly && (!base::multiply(count_, dim, &floats) || !plain_.reserve(floats))) {
    return Status::fail(Code::out_of_memory, "not enough memory to pack the queries: pass fewer at a time");
  }
  return for_each_slab(panels, source.options, [&](std::size_t, std::size_t panel) {
    std::vector<float> scaled(panel_width * dim);
    const std::size_t first = panel * panel_width;
    const std::size_t count = std::min(count_ - first, panel_width);
    for (std::size_t i = 0; i < count; ++i) scale_to(source, first + i, scaled.data() + i * dim);
    turn(first, panel_width, scaled.data());
    if (plainly) std::copy_n(scaled.data(), count * dim, plain_.data() + first * dim);
    return Status::good();
  });
}

Status PackedQueries::pack_bf16(const Variant& variant, const Source& source) {
  const std::size_t dim = source.rows.dim;
  if (Status status = reserve(variant, source.count, padded_words(dim, 2)); !status.ok()) return status;
  return each(source, [&](std::size_t q, const float* x, double scale) {
    std::byte* const to = lane(q);
    const std::size_t step = lane_step(q);
    for (std::size_t k = 0; k < dim; ++k) {
      const std::uint16_t value = to_bfloat16(static_cast<float>(static_cast<double>(x[k]) * scale));
      std::memcpy(to + k / 2 * step + k % 2 * 2, &value, sizeof value);
    }
  });
}

Status PackedQueries::pack_digits(const DigitsVariant& variant, const Source& source) {
  const std::size_t dim = source.rows.dim;
  const std::size_t words = kernels::similarity::words_of_digits(dim);
  if (Status status = reserve(variant, source.count, words); !status.ok()) return status;
  const std::size_t panels = (count_ + panel_width - 1) / panel_width;
  return for_each_slab(panels, source.options, [&](std::size_t, std::size_t panel) {
    std::vector<float> scaled(dim);
    std::vector<float> digits(panel_width * words);
    float square = 0;
    const std::size_t first = panel * panel_width;
    const std::size_t count = std::min(count_ - first, panel_width);
    for (std::size_t i = 0; i < count; ++i) {
      std::ranges::fill(scaled, 0.0f);
      scale_to(source, first + i, scaled.data());
      auto* const to = reinterpret_cast<std::int8_t*>(digits.data() + i * words);
      variant.split({scaled.data(), dim, 1, dim, to, words * 4, &scale_[first + i], &square});
    }
    turn(first, count, digits.data());
    return Status::good();
  });
}

Status PackedQueries::pack_int8(const Variant& variant, const Source& source, std::span<const float> centre,
                                bool plainly) {
  const Rows& rows = source.rows;
  if (Status status = reserve(variant, source.count, padded_words(rows.dim, 4)); !status.ok()) return status;
  constexpr int raised = 128;
  const std::size_t plain_bytes = plainly ? count_ * words_ * 4 : 0;
  if (!plain_codes_.reserve(plain_bytes)) {
    return Status::fail(Code::out_of_memory, "not enough memory to pack the queries: pass fewer at a time");
  }
  std::fill_n(plain_codes_.data(), plain_bytes, std::uint8_t{raised});
  const auto bias = static_cast<std::byte>(variant.query_bias);
  std::fill_n(panels_.data(), (scale_.size() / panel_width) * panel_width * words_ * 4, bias);
  std::vector<double> lengths(count_);
  std::vector<double> errors(count_);
  Status status = each(source, [&](std::size_t q, const float* x, double) {
    std::vector<double> shifted(rows.dim);
    const double norm = source.norms[source.first + q];
    factor_[q] = source.options.metric == Metric::dot ? norm : 1;
    double most = 0;
    double towards_centre = 0;
    for (std::size_t k = 0; k < rows.dim; ++k) {
      const double unit = static_cast<double>(x[k]) / norm;
      const auto c = static_cast<double>(centre[k]);
      towards_centre += unit * c;
      shifted[k] = unit - c;
      most = std::max(most, std::abs(shifted[k]));
    }
    const auto scale = static_cast<float>(most / 127);
    const double step_size = most < 0x1p-100 ? 0 : static_cast<double>(scale);
    std::byte* const to = lane(q);
    const std::size_t step = lane_step(q);
    double length = 0;
    double error = 0;
    for (std::size_t k = 0; k < rows.dim; ++k) {
      const double code =
          step_size == 0 ? 0 : std::clamp(std::nearbyint(shifted[k] / step_size), -127.0, 127.0);
      const double coded = code * step_size;
      length += coded * coded;
      error += (shifted[k] - coded) * (shifted[k] - coded);
      to[k / 4 * step + k % 4] = static_cast<std::byte>(static_cast<int>(code) + variant.query_bias);
      if (plainly)
        plain_codes_.data()[q * words_ * 4 + k] = static_cast<std::uint8_t>(static_cast<int>(code) + raised);
    }
    scale_[q] = static_cast<float>(step_size);
    shift_[q] = towards_centre;
    // 2^-30 covers the roundings of these sums of doubles.
    lengths[q] = std::sqrt(length) * (1 + 0x1p-30);
    errors[q] = std::sqrt(error) + 0x1p-30;
  });
  for (const double length : lengths) code_length_ = std::max(code_length_, length);
  for (const double error : errors) code_error_ = std::max(code_error_, error);
  // A zero query is searched in no codes, so it does not count.
  least_code_error_ = code_error_;
  for (const double error : errors) {
    if (error > 0) least_code_error_ = std::min(least_code_error_, error);
  }
  for (std::size_t q = 0; q < count_; ++q) {
    extra_code_error_[q] = std::max(0.0, errors[q] - least_code_error_);
    all_extra_ += extra_code_error_[q];
  }
  return status;
}

bool PackedQueries::own_errors_pay(const CodeLengths& lengths) const noexcept {
  const double own = all_extra_ * static_cast<double>(lengths.longest);
  const double common = (code_error_ - least_code_error_) * static_cast<double>(lengths.average);
  return own < common * static_cast<double>(count_);
}

}  // namespace diptych::similarity
