// Top-k over rows that come block after block and need not be in memory together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "similarity/options.hpp"
#include "similarity/query_block.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

class BlockSearch {
 public:
  // `queries` must outlive the search. The centre of int8 codes (codes.hpp) is that of `sample`: scores of
  // Precision::int8 depend on it, and on nothing else of the blocks.
  [[nodiscard]] static base::Status start(const Rows& queries, const Rows& sample, std::size_t k,
                                          const Options& options, std::unique_ptr<BlockSearch>& out);

  // The rows behind those that came before. Afterwards their memory may go. What fails cannot be gone on
  // with.
  [[nodiscard]] base::Status search(const Rows& rows, const Options& options);

  // k elements for each query, as top_k gives them; bad_input when fewer than k rows came.
  [[nodiscard]] base::Status finish(std::span<std::int32_t> indices, std::span<float> scores);

 private:
  BlockSearch(const Rows& queries, std::size_t k, const Options& options)
      : queries_(queries), k_(k), options_(options), query_norms_(queries.rows) {}

  Rows queries_;
  std::size_t k_;
  // Those of the call under way.
  Options options_;
  std::size_t seen_ = 0;
  std::vector<double> query_norms_;
  std::vector<double> norms_;
  std::vector<float> centre_;
  std::vector<std::unique_ptr<QueryBlock>> blocks_;
};

}  // namespace diptych::similarity
