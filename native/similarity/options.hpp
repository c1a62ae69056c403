#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

#include "similarity/rows.hpp"

namespace diptych::similarity {

struct Options {
  Metric metric = Metric::cosine;
  Precision precision = Precision::exact;
  std::size_t threads = 1;
  // Asked every few milliseconds, on any thread; true ends the work with Code::aborted.
  std::function<bool()> cancelled = [] { return false; };
  // Where there is one, a top-k adds the scores that it has decided (queries times rows), on any thread.
  double* progress = nullptr;

  void advance(std::size_t scores) const noexcept {
    if (progress == nullptr) return;
    std::atomic_ref<double>(*progress).fetch_add(static_cast<double>(scores), std::memory_order_relaxed);
  }
};

}  // namespace diptych::similarity
