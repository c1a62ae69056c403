#pragma once

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
};

}  // namespace diptych::similarity
