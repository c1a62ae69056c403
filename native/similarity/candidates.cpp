#include "similarity/candidates.hpp"

#include <algorithm>

namespace diptych::similarity {

void Candidates::thin() {
  if (list_.size() < k_) return;
  const auto kth = list_.begin() + static_cast<std::ptrdiff_t>(k_) - 1;
  std::nth_element(list_.begin(), kth, list_.end(), ranks_before);
  raise_floor(kth->lower);
  std::erase_if(list_, [this](const Candidate& candidate) { return candidate.upper < floor_; });
}

void Candidates::settle() {
  if (list_.size() > k_) {
    const auto end = list_.begin() + static_cast<std::ptrdiff_t>(k_);
    std::nth_element(list_.begin(), end - 1, list_.end(), ranks_before);
    list_.erase(end, list_.end());
  }
  std::ranges::sort(list_, ranks_before);
  if (list_.size() == k_) raise_floor(list_.back().lower);
}

}  // namespace diptych::similarity
