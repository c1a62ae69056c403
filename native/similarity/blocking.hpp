// Sizes of blocks, from the caches of this machine.
#pragma once

#include <cstddef>

namespace diptych::similarity {

// Bytes of this core's second-level cache, as the system says; 1 MiB where it does not.
[[nodiscard]] std::size_t second_level_cache() noexcept;

// Rows of `stride` bytes to work on at a time: a quarter of the second-level cache, in whole tiles. The rest
// is for a group of packed queries, which streams through again for every tile of rows.
[[nodiscard]] std::size_t rows_per_chunk(std::size_t stride) noexcept;

}  // namespace diptych::similarity
