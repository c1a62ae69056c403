// Which kernels run: one choice per process, made from the CPU or forced by DIPTYCH_KERNEL.
//
// Each operation keeps a table of variants, best first and "reference" last, of a type with the members
// `name`, `family` and `needs`. An operation without a variant of the chosen family takes its best one of a
// narrower family, so forcing "avx512" means: nothing wider than AVX-512, anywhere.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cpu_features.hpp"

namespace diptych::kernels {

// Narrow to wide. NEON and the x86 families never meet on one CPU.
enum class Family : std::uint8_t { reference, neon, avx2, avx512, amx };

[[nodiscard]] std::string_view family_name(Family family) noexcept;

// The families that a CPU with these features can run, widest first; "reference" is always last.
[[nodiscard]] std::vector<Family> runnable_families(CpuFeatures have);

struct Choice {
  Family family = Family::reference;
  bool forced = false;
  // Not empty when the forced name is unknown or cannot run here; then it lists the names that would do.
  // Every exported operation refuses to work (KERNEL_UNAVAILABLE) until it is put right.
  std::string error;
};

// The rule itself. `forced` is the value of DIPTYCH_KERNEL; empty means: take the widest.
[[nodiscard]] Choice choose(std::string_view forced, CpuFeatures have);

// The process's choice, made at the first call from DIPTYCH_KERNEL and detected().
[[nodiscard]] const Choice& choice();

// The best variant within `family` whose features are all there. The last entry must need nothing.
template <typename Variant>
[[nodiscard]] constexpr const Variant& best_variant(std::span<const Variant> variants, Family family,
                                                    CpuFeatures have) noexcept {
  for (const Variant& variant : variants) {
    if (variant.family <= family && have.contains(variant.needs)) return variant;
  }
  return variants.back();
}

// The variant of an operation that this process uses.
template <typename Variant>
[[nodiscard]] const Variant& active_variant(std::span<const Variant> variants) noexcept {
  return best_variant(variants, choice().family, detected());
}

}  // namespace diptych::kernels
