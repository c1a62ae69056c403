#include "similarity/passes.hpp"

#include "similarity/active.hpp"

namespace diptych::similarity {

using base::Status;

namespace {

// Rounding the rows to bfloat16 costs about as much as this many queries in fp32 do.
constexpr std::size_t worth_halving = 32;
// Making codes, with their products at the speed of VNNI, as much as this many.
constexpr std::size_t worth_encoding = 5;
// With tiles codes cost more to make than halves, and their products half as much: the same time at 256
// queries, measured.
constexpr std::size_t worth_coding_instead = 320;

// Splitting the rows costs as much as tens of queries in fp32 do; so few values leave tiles empty.
constexpr std::size_t worth_splitting = 48;
constexpr std::size_t least_split_dim = 64;
// Shorter products cost no more than telling which of them to make.
constexpr std::size_t least_sifted_dim = 64;

bool int8_is_fast() noexcept {
  const kernels::CpuFeatures uses = active_int8().needs;
  return uses.contains(kernels::CpuFeature::avx512vnni) || uses.contains(kernels::CpuFeature::neon_dotprod);
}

// The cheapest way to tell which rows are far from the best.
Pass sifting_pass(std::size_t queries, std::size_t dim, bool prepared) noexcept {
  if (dim > kernels::similarity::most_int8_dim) return Pass::fp32;
  // Codes that are there pay even where their products are those of plain vector instructions (AVX2: 1.2
  // times as fast as floats), but for so few queries that a tile of them is mostly empty.
  if (prepared) {
    return int8_is_fast() || queries > kernels::similarity::most_few_queries ? Pass::int8 : Pass::fp32;
  }
  if (bf16_is_fast() && queries >= worth_halving && queries < worth_coding_instead) return Pass::bf16;
  return int8_is_fast() && queries >= worth_encoding ? Pass::int8 : Pass::fp32;
}

}  // namespace

Pass fp32_pass(std::size_t queries, std::size_t dim) noexcept {
  const bool fast = active_digits().family == kernels::Family::amx;
  const bool fits = dim >= least_split_dim && dim <= kernels::similarity::most_digits_dim;
  return fast && fits && queries >= worth_splitting ? Pass::digits : Pass::fp32;
}

Pass choose_pass(Precision precision, std::size_t queries, std::size_t dim, bool prepared) noexcept {
  switch (precision) {
    case Precision::fp32:
      return Pass::fp32;
    case Precision::bf16:
      return Pass::bf16;
    case Precision::int8:
      return dim <= kernels::similarity::most_int8_dim ? Pass::int8 : Pass::fp32;
    case Precision::exact:
      return sifting_pass(queries, dim, prepared);
  }
  return Pass::fp32;
}

Pass search_pass(Precision precision, std::size_t queries_of_call, std::size_t queries, std::size_t dim,
                 bool prepared) noexcept {
  const bool few = queries_of_call <= kernels::similarity::most_few_queries;
  if (few && !prepared && precision != Precision::exact) return Pass::fp32;
  if (precision != Precision::fp32) return choose_pass(precision, queries, dim, prepared);
  return dim >= least_sifted_dim ? sifting_pass(queries_of_call, dim, prepared) : Pass::fp32;
}

bool Passes::few(Pass pass, bool prepared) const noexcept {
  if (!few_queries()) return false;
  return pass == Pass::fp32 || (pass == Pass::int8 && prepared && active_int8().few != nullptr);
}

Status Passes::get(Pass pass, const PackedQueries** packed) {
  const std::lock_guard lock(mutex_);
  auto& slot = packed_[static_cast<std::size_t>(pass)];
  if (!slot) {
    slot.emplace();
    if (Status status = pack(pass, *slot); !status.ok()) {
      slot.reset();
      return status;
    }
  }
  *packed = &*slot;
  return Status::good();
}

Status Passes::pack(Pass pass, PackedQueries& packed) const {
  const PackedQueries::Source source{queries_, first_, count_, norms_, options_};
  switch (pass) {
    case Pass::fp32:
      return packed.pack_fp32(active_fp32(), source, few_queries());
    case Pass::bf16:
      return packed.pack_bf16(active_bf16(), source);
    case Pass::digits:
      return packed.pack_digits(active_digits(), source);
    case Pass::int8:
      return packed.pack_int8(active_int8(), source, centre_.elements(), few_queries());
  }
  return Status::good();
}

}  // namespace diptych::similarity
