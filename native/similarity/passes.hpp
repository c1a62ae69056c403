// Which arithmetic makes the first pass, and the queries packed for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "base/status.hpp"
#include "similarity/codes.hpp"
#include "similarity/options.hpp"
#include "similarity/packed_queries.hpp"
#include "similarity/rows.hpp"

namespace diptych::similarity {

// digits: fp32 made of products of int8.
enum class Pass : std::uint8_t { fp32, bf16, int8, digits };

// fp32, bf16 and int8 as asked. exact: int8 where the CPU multiplies int8 much faster than floats and the
// codes are there already or pay for being made; else fp32.
[[nodiscard]] Pass choose_pass(Precision precision, std::size_t queries, std::size_t dim,
                               bool prepared) noexcept;

// What fp32 means to a whole call of so many queries: digits where the CPU multiplies those faster, else
// fp32.
[[nodiscard]] Pass fp32_pass(std::size_t queries, std::size_t dim) noexcept;
// choose_pass where only the best scores are asked for: fp32 is bf16 or int8 where those only tell which
// scores of floats are worth making, and bf16 and int8 are fp32 where few queries wait for memory anyway. It
// means the same to all queries of a call: the bits of a score must not depend on how they are split.
[[nodiscard]] Pass search_pass(Precision precision, std::size_t queries_of_call, std::size_t queries,
                               std::size_t dim, bool prepared) noexcept;

// A range of queries, packed for each pass when it is first wanted; any thread may ask.
class Passes {
 public:
  Passes(const Rows& queries, std::size_t first, std::size_t count, std::span<const double> norms,
         std::span<const float> centre, const Options& options)
      : queries_(queries), first_(first), count_(count), norms_(norms), centre_(centre), options_(options) {}

  [[nodiscard]] base::Status get(Pass pass, const PackedQueries** packed);
  // Whether the whole call has so few queries that rows are read once in this pass, without tiles. The call,
  // not a part of it, decides: the bits of a score must not depend on how queries are split.
  [[nodiscard]] bool few(Pass pass, bool prepared) const noexcept;
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  // Whether these are all queries of the call.
  [[nodiscard]] bool whole() const noexcept { return count_ == queries_.rows; }
  [[nodiscard]] const Centre& centre() const noexcept { return centre_; }

 private:
  [[nodiscard]] bool few_queries() const noexcept {
    return queries_.rows <= kernels::similarity::most_few_queries;
  }
  [[nodiscard]] base::Status pack(Pass pass, PackedQueries& packed) const;

  const Rows& queries_;
  std::size_t first_;
  std::size_t count_;
  std::span<const double> norms_;
  Centre centre_;
  const Options& options_;
  std::mutex mutex_;
  std::array<std::optional<PackedQueries>, 4> packed_;
};

}  // namespace diptych::similarity
