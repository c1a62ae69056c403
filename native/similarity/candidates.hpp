// The rows that may still be among a query's k best.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace diptych::similarity {

// A row whose score that counts for order is in [lower, upper]. Floats, rounded outwards: the lists of a
// thousand queries are to stay in the caches.
struct Candidate {
  float lower;
  float upper;
  std::uint32_t row;
  // Whether the interval is already as narrow as a float product can make it.
  bool refined;
};

// A row whose score is known: what counts for order, and what is reported.
struct Scored {
  double key;
  double score;
  std::uint64_t row;
};

// The order of every result: score down, then row up.
[[nodiscard]] inline bool ranks_before(const Scored& a, const Scored& b) noexcept {
  return a.key != b.key ? a.key > b.key : a.row < b.row;
}

// Keeps every row whose upper bound reaches the k-th best lower bound seen. That bound only rises, so one
// pass is enough; a row is dropped only when k others are certainly better.
class Candidates {
 public:
  // Room for eight times k, at least 128, before the list is thinned.
  explicit Candidates(std::size_t k) : k_(k), limit_(std::max<std::size_t>(128, 8 * k)) {}

  void push(const Candidate& candidate) {
    if (static_cast<double>(candidate.upper) >= floor_) list_.push_back(candidate);
  }
  [[nodiscard]] bool full() const noexcept { return list_.size() >= limit_; }
  // Raises the floor to the k-th best lower bound and drops what is below it.
  void thin();
  // When still too long after thin(): bounds do not separate them, so they must be scored.
  [[nodiscard]] bool crowded() const noexcept { return list_.size() > limit_ / 4 * 3; }
  // The same rows as the list, scored: with those known before the k best are kept, in order; the list is
  // empty then.
  void settle(std::span<const Scored> list);
  // What another thread or an earlier segment found.
  void join(const Candidates& other);

  void raise_floor(double floor) noexcept { floor_ = std::max(floor_, floor); }
  // A row whose score is below this cannot be among the k best.
  [[nodiscard]] double floor() const noexcept { return floor_; }
  [[nodiscard]] std::span<Candidate> list() noexcept { return list_; }
  // After thin(): k of the list's best, in no order.
  [[nodiscard]] std::span<Candidate> best() noexcept {
    return std::span(list_).first(std::min(k_, list_.size()));
  }
  // After settle(): the best, in order.
  [[nodiscard]] std::span<const Scored> scored() const noexcept { return scored_; }

 private:
  std::size_t k_;
  std::size_t limit_;
  double floor_ = -std::numeric_limits<double>::infinity();
  std::vector<Candidate> list_;
  std::vector<Scored> scored_;
};

}  // namespace diptych::similarity
