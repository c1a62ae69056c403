// A corpus prepared once for many queries: codes, lengths and bounds beside the caller's rows.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/status.hpp"
#include "similarity/codes.hpp"
#include "similarity/mapped_file.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"
#include "similarity/segment.hpp"

namespace diptych::similarity {

// A run of rows that were prepared together. Immutable once made.
struct CorpusPart {
  // `data` is null where the rows stay with the caller, who hands them in with every search.
  Rows rows;
  std::size_t first = 0;
  std::span<const double> norms;
  CodeView codes;

  std::vector<double> own_norms;
  std::vector<RowCode> own_row_codes;
  base::AlignedBuffer<std::int8_t> own_codes;
  std::shared_ptr<const MappedFile> file;
};

// Immutable: appending makes a new corpus that shares the old parts, so that searches under way are not
// disturbed.
class Corpus {
 public:
  // `base` may be null: then the centre is taken from these rows. Rows must have the base's dim, type and
  // metric.
  [[nodiscard]] static base::Status append(const Corpus* base, const Rows& rows, const Options& options,
                                           std::shared_ptr<const Corpus>& out);
  // Maps a saved corpus. Checks the whole layout against the file's size.
  [[nodiscard]] static base::Status open(const std::string& path, std::shared_ptr<const Corpus>& out);
  // Writes everything, rows included, to `path` (whole or not at all). `data`: the callers' rows, one per
  // part; those of mapped parts are ignored.
  [[nodiscard]] base::Status save(const std::string& path, std::span<const Rows> data,
                                  const Options& options) const;

  // One segment per part, to search; `data` as above.
  [[nodiscard]] std::vector<Segment> segments(std::span<const Rows> data) const;

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t dim() const noexcept { return dim_; }
  [[nodiscard]] DType type() const noexcept { return type_; }
  [[nodiscard]] Metric metric() const noexcept { return metric_; }
  [[nodiscard]] std::span<const float> centre() const noexcept { return *centre_; }
  [[nodiscard]] const std::vector<std::shared_ptr<const CorpusPart>>& parts() const noexcept {
    return parts_;
  }
  // Memory of its own, without mapped files.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  std::size_t rows_ = 0;
  std::size_t dim_ = 0;
  DType type_ = DType::float32;
  Metric metric_ = Metric::cosine;
  std::shared_ptr<const std::vector<float>> centre_;
  std::vector<std::shared_ptr<const CorpusPart>> parts_;
};

}  // namespace diptych::similarity
