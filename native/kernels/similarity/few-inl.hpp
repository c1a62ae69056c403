// What the kernels for a few queries share, whatever they multiply. Included by files for one instruction set
// each: see simd/avx512.hpp on linkage.
#pragma once

#include <cstddef>

#include "kernels/similarity/kernel.hpp"

namespace diptych::kernels::similarity {
namespace {

// The i-th row to be read: by turns of the first half and of the second, for two streams.
[[gnu::always_inline]] constexpr std::size_t row_by_turns(std::size_t i, std::size_t count,
                                                          bool two_streams) noexcept {
  const std::size_t half = two_streams ? count / 2 : 0;
  return i < 2 * half ? i / 2 + i % 2 * half : i;
}

template <std::size_t Queries>
struct QueryCount {
  static constexpr std::size_t value = Queries;
};

// Calls use(QueryCount<queries>{}), 1 .. most_few_queries queries.
template <class Use>
[[gnu::always_inline]] inline void with_query_count(std::size_t queries, Use use) noexcept {
  static_assert(most_few_queries == 4);
  switch (queries) {
    case 1:
      return use(QueryCount<1>{});
    case 2:
      return use(QueryCount<2>{});
    case 3:
      return use(QueryCount<3>{});
    default:
      return use(QueryCount<4>{});
  }
}

}  // namespace
}  // namespace diptych::kernels::similarity
