// Top-k over rows in a file that need not fit into memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// rows * dim elements from byte `offset` on, row after row.
struct RowFile {
  std::string path;
  std::size_t offset;
  DType type;
  std::size_t rows;
  std::size_t dim;
};

// As top_k, reading the file in blocks of about `block_bytes`, the next one while one is searched: memory is
// two blocks and the candidates. Rows read so far are counted in `progress`. The result does not depend on
// the blocks.
[[nodiscard]] base::Status top_k_file(const Rows& queries, const RowFile& file, std::size_t k,
                                      std::size_t block_bytes, std::span<std::int32_t> indices,
                                      std::span<float> scores, std::int32_t* progress,
                                      const Options& options);

}  // namespace diptych::similarity
