// A range of queries on its way through the corpus, segment by segment.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "similarity/candidates.hpp"
#include "similarity/options.hpp"
#include "similarity/passes.hpp"
#include "similarity/scan.hpp"
#include "similarity/segment.hpp"

namespace diptych::similarity {

class QueryBlock {
 public:
  // Queries first .. first + count - 1, whose lengths are `norms`. All references must outlive the block.
  QueryBlock(const Rows& queries, std::size_t first, std::size_t count, std::span<const double> norms,
             std::span<const float> centre, std::size_t k, const Options& options);

  // Looks at every row of the segment. Afterwards the k best so far are known with their scores, so that the
  // segment's memory may go.
  [[nodiscard]] base::Status search(Segment& segment);

  // The k best, k elements per query. A zero query scores 0 everywhere, so its best are the first rows.
  void finish(std::span<std::int32_t> indices, std::span<float> scores);

 private:
  struct Worker;

  [[nodiscard]] bool exact() const noexcept { return options_.precision == Precision::exact; }
  // fp32 whose first pass only tells which scores are worth making: those of floats, one by one.
  [[nodiscard]] bool sifted() const noexcept {
    return options_.precision == Precision::fp32 && (pass_ == Pass::bf16 || pass_ == Pass::int8);
  }
  [[nodiscard]] bool bounded() const noexcept { return exact() || sifted(); }
  [[nodiscard]] Bound bound() const noexcept {
    return exact() ? Bound::upper : sifted() ? Bound::upper_of_fp32 : Bound::none;
  }
  [[nodiscard]] bool is_zero(std::size_t query) const noexcept { return norms_[first_ + query] == 0; }
  [[nodiscard]] base::Status scan_slab(Worker& worker, const Segment& segment, std::size_t from,
                                       std::size_t to);
  // Narrows intervals that int8 left wide, by one float product each: a tenth of the cost of a score, and
  // most rows that int8 could not rule out fall to it. Of sifted scores that product is all there is.
  void refine(const Segment& segment, std::size_t query, std::span<Candidate> list) const;
  // Scores the whole list and settles it.
  void score(const Segment& segment, std::size_t query, Candidates& candidates) const;
  void settle(const Segment& segment, std::vector<Worker>& workers, std::size_t query);
  void raise_floor(std::size_t query, double floor) noexcept;

  const Rows& queries_;
  std::size_t first_;
  std::size_t count_;
  std::span<const double> norms_;
  std::size_t k_;
  const Options& options_;
  Passes passes_;
  Pass pass_ = Pass::fp32;
  // Per query: what its k-th best score is at least, over all workers, and the best of all segments so far.
  std::vector<std::atomic<double>> floors_;
  std::vector<Candidates> best_;
};

}  // namespace diptych::similarity
