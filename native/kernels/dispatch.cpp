#include "kernels/dispatch.hpp"

#include <array>
#include <cstdlib>

namespace diptych::kernels {
namespace {

struct FamilyEntry {
  Family family;
  std::string_view name;
  CpuFeatures needs;
};

constexpr std::array<FamilyEntry, 5> families{{
    {Family::amx, "amx", needs_amx},
    {Family::avx512, "avx512", needs_avx512},
    {Family::avx2, "avx2", needs_avx2},
    {Family::neon, "neon", CpuFeature::neon},
    {Family::reference, "reference", CpuFeatures{}},
}};

}  // namespace

std::string_view family_name(Family family) noexcept {
  for (const FamilyEntry& entry : families) {
    if (entry.family == family) return entry.name;
  }
  return "reference";
}

std::vector<Family> runnable_families(CpuFeatures have) {
  std::vector<Family> runnable;
  for (const FamilyEntry& entry : families) {
    if (have.contains(entry.needs)) runnable.push_back(entry.family);
  }
  return runnable;
}

Choice choose(std::string_view forced, CpuFeatures have) {
  const std::vector<Family> runnable = runnable_families(have);
  if (forced.empty()) return {runnable.front(), false, {}};

  bool known = false;
  for (const FamilyEntry& entry : families) {
    if (entry.name != forced) continue;
    known = true;
    if (have.contains(entry.needs)) return {entry.family, true, {}};
  }
  Choice refused{Family::reference, true, {}};
  refused.error = "DIPTYCH_KERNEL=" + std::string(forced) +
                  (known ? " cannot run on this CPU; use one of: " : " is not a kernel family; use one of: ");
  for (std::size_t i = 0; i < runnable.size(); ++i) {
    if (i > 0) refused.error += ", ";
    refused.error += family_name(runnable[i]);
  }
  return refused;
}

const Choice& choice() {
  static const Choice chosen = [] {
    const char* forced = std::getenv("DIPTYCH_KERNEL");
    return choose(forced == nullptr ? "" : forced, detected());
  }();
  return chosen;
}

}  // namespace diptych::kernels
