#include "similarity/candidates.hpp"

#include <array>
#include <functional>
#include <utility>

namespace diptych::similarity {

namespace {

// The largest k for which the best so far are kept in order, which is quicker than to select them.
constexpr std::size_t few = 32;

// Descending.
class KBest {
 public:
  explicit KBest(std::size_t k) : k_(k) { best_.fill(-std::numeric_limits<double>::infinity()); }

  void add(double value) noexcept {
    if (!(value > best_[k_ - 1])) return;
    std::size_t at = k_ - 1;
    for (; at > 0 && best_[at - 1] < value; --at) best_[at] = best_[at - 1];
    best_[at] = value;
  }
  [[nodiscard]] double kth() const noexcept { return best_[k_ - 1]; }

 private:
  std::size_t k_;
  std::array<double, few> best_;
};

double kth_best(std::span<const Candidate> list, std::span<const Scored> scored, std::size_t k) {
  if (k <= few) {
    KBest best(k);
    for (const Scored& known : scored) best.add(known.key);
    for (const Candidate& candidate : list) best.add(static_cast<double>(candidate.lower));
    return best.kth();
  }
  std::vector<double> lower;
  lower.reserve(list.size() + scored.size());
  for (const Scored& known : scored) lower.push_back(known.key);
  for (const Candidate& candidate : list) lower.push_back(static_cast<double>(candidate.lower));
  const auto kth = lower.begin() + static_cast<std::ptrdiff_t>(k) - 1;
  std::nth_element(lower.begin(), kth, lower.end(), std::greater<>());
  return *kth;
}

}  // namespace

void Candidates::thin() {
  if (k_ == 0 || list_.size() + scored_.size() < k_) return;
  const double kth = kth_best(list_, scored_, k_);
  raise_floor(kth);
  std::size_t kept = 0;
  std::size_t best = 0;
  for (std::size_t i = 0; i < list_.size(); ++i) {
    if (static_cast<double>(list_[i].upper) < floor_) continue;
    if (kept != i) list_[kept] = list_[i];
    // To the front, where best() finds them.
    if (static_cast<double>(list_[kept].lower) >= kth && best < k_) std::swap(list_[best++], list_[kept]);
    ++kept;
  }
  list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(kept), list_.end());
}

void Candidates::settle(std::span<const Scored> list) {
  list_.clear();
  scored_.insert(scored_.end(), list.begin(), list.end());
  const std::size_t kept = std::min(k_, scored_.size());
  std::ranges::partial_sort(scored_, scored_.begin() + static_cast<std::ptrdiff_t>(kept), ranks_before);
  scored_.resize(kept);
  if (kept == k_ && k_ > 0) raise_floor(scored_.back().key);
}

void Candidates::join(const Candidates& other) {
  scored_.insert(scored_.end(), other.scored_.begin(), other.scored_.end());
  for (const Candidate& candidate : other.list_) push(candidate);
}

}  // namespace diptych::similarity
