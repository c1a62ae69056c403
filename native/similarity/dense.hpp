// The whole matrix of scores, where somebody asks for it.
#pragma once

#include <functional>
#include <span>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// out: a.rows * b.rows, row after row; dims agree and are at least 1. Cosines are within [-1, 1], zero rows
// give 0. `finish` is called for every run of complete rows while they are in cache, on the thread that made
// them.
[[nodiscard]] base::Status dense(const Rows& a, const Rows& b, std::span<float> out, const Options& options,
                                 const std::function<void(std::span<float>)>& finish = {});

}  // namespace diptych::similarity
