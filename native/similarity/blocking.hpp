// Sizes of blocks, from the caches of this machine.
#pragma once

#include <cstddef>

namespace diptych::similarity {

// Bytes of this core's second-level cache, as the system says; 1 MiB where it does not.
[[nodiscard]] std::size_t second_level_cache() noexcept;

// Rows of `stride` bytes to work on at a time: three sixteenths of the second-level cache, in whole tiles. As
// much again is for the next rows, which are fetched meanwhile, and the rest for a group of packed queries,
// which streams through for every tile of rows, and the group after it.
[[nodiscard]] std::size_t rows_per_chunk(std::size_t stride) noexcept;

// The same where each row is read once and kept nowhere: four megabytes, since every pause between two chunks
// is one of the memory too.
[[nodiscard]] std::size_t rows_per_stretch(std::size_t stride) noexcept;

}  // namespace diptych::similarity
