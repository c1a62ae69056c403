#include "similarity/corpus.hpp"

#include <algorithm>
#include <utility>

#include "base/huge_pages.hpp"
#include "similarity/norms.hpp"
#include "similarity/parallel.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

Status Corpus::append(const Corpus* base, const Rows& rows, const Options& options,
                      std::shared_ptr<const Corpus>& out) {
  auto next = base == nullptr ? std::make_shared<Corpus>() : std::make_shared<Corpus>(*base);
  if (base == nullptr) {
    next->dim_ = rows.dim;
    next->type_ = rows.type;
    next->metric_ = options.metric;
    next->centre_ = std::make_shared<const std::vector<float>>(centre_of(rows, options.metric));
  }
  auto part = std::make_shared<CorpusPart>();
  part->rows = rows;
  part->rows.data = nullptr;
  part->first = next->rows_;
  part->own_norms.resize(rows.rows);
  if (Status status = row_norms(rows, "rows", part->own_norms, options); !status.ok()) return status;
  part->norms = part->own_norms;

  if (codable(rows.dim, part->norms, next->metric_)) {
    const std::size_t stride = code_stride(rows.dim);
    std::size_t bytes = 0;
    if (!base::multiply(rows.rows, stride, &bytes) || !part->own_codes.reserve(bytes)) {
      return Status::fail(Code::out_of_memory,
                          "not enough memory to prepare these rows: it takes dim bytes a row");
    }
    base::use_huge_pages(part->own_codes.data(), bytes);
    part->own_row_codes.resize(rows.rows);
    const Centre centre(next->centre());
    constexpr std::size_t slab_rows = 1024;
    const std::size_t slabs = (rows.rows + slab_rows - 1) / slab_rows;
    Status status = for_each_slab(slabs, options, [&](std::size_t, std::size_t slab) {
      const std::size_t first = slab * slab_rows;
      const std::size_t count = std::min(slab_rows, rows.rows - first);
      std::vector<kernels::similarity::CodeStats> stats(count);
      std::vector<float> squares(count);
      std::int8_t* const codes = part->own_codes.data() + first * stride;
      make_codes(rows, first, next->metric_, centre, codes, stats, squares, {});
      describe_codes(rows, first, part->norms.subspan(first, count), next->metric_, centre, codes, stats,
                     std::span(part->own_row_codes).subspan(first, count));
      return Status::good();
    });
    if (!status.ok()) return status;
    part->codes = {part->own_codes.data(), stride, part->own_row_codes, lengths_of(part->own_row_codes)};
  }
  next->rows_ += rows.rows;
  next->parts_.push_back(std::move(part));
  out = std::move(next);
  return Status::good();
}

std::vector<Segment> Corpus::segments(std::span<const Rows> data) const {
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const CorpusPart& part = *parts_[i];
    Rows rows = part.rows;
    if (rows.data == nullptr) rows.data = data[i].data;
    segments.push_back({rows, part.first, part.norms, {}, part.codes, part.file.get()});
  }
  return segments;
}

std::size_t Corpus::bytes() const noexcept {
  std::size_t total = 0;
  for (const auto& part : parts_) {
    total += part->own_norms.size() * sizeof(double) + part->own_row_codes.size() * sizeof(RowCode) +
             part->own_codes.capacity();
  }
  return total;
}

}  // namespace diptych::similarity
