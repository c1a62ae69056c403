// The rows that may still be among a query's k best.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace diptych::similarity {

// The score that counts for order is in [lower, upper]; equal when it is known.
struct Candidate {
  double lower;
  double upper;
  std::uint64_t row;
  // What is reported: the score itself, once it is known; else a NaN.
  double score;
  // Whether the interval is already as narrow as floats can make it.
  bool refined;
};

// The order of every result: score down, then row up.
[[nodiscard]] inline bool ranks_before(const Candidate& a, const Candidate& b) noexcept {
  return a.lower != b.lower ? a.lower > b.lower : a.row < b.row;
}

// Keeps every row whose upper bound reaches the k-th best lower bound seen. That bound only rises, so one
// pass is enough; a row is dropped only when k others are certainly better.
class Candidates {
 public:
  // Room for eight times k, at least 128, before the list is thinned.
  explicit Candidates(std::size_t k) : k_(k), limit_(std::max<std::size_t>(128, 8 * k)) {}

  void push(const Candidate& candidate) {
    if (candidate.upper >= floor_) list_.push_back(candidate);
  }
  [[nodiscard]] bool full() const noexcept { return list_.size() >= limit_; }
  // Raises the floor to the k-th best lower bound and drops what is below it.
  void thin();
  // When still too long after thin(): bounds do not separate them, so they must be scored (the caller does
  // that through `list`) and the k best kept.
  [[nodiscard]] bool crowded() const noexcept { return list_.size() > limit_ / 4 * 3; }
  // Every candidate's score is known: keeps the k best, in order.
  void settle();

  void raise_floor(double floor) noexcept { floor_ = std::max(floor_, floor); }
  // A row whose score is below this cannot be among the k best.
  [[nodiscard]] double floor() const noexcept { return floor_; }
  [[nodiscard]] std::vector<Candidate>& list() noexcept { return list_; }
  // After thin(): the k best of the list, in no order.
  [[nodiscard]] std::span<Candidate> best() noexcept {
    return std::span(list_).first(std::min(k_, list_.size()));
  }

 private:
  std::size_t k_;
  std::size_t limit_;
  double floor_ = -std::numeric_limits<double>::infinity();
  std::vector<Candidate> list_;
};

}  // namespace diptych::similarity
