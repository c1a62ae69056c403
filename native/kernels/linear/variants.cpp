#include <array>

#include "kernels/linear/kernel.hpp"

namespace diptych::kernels::linear {

std::span<const Variant> variants() noexcept {
#if defined(__x86_64__)
  static const std::array all{avx512_variant, avx2_variant, reference_variant};
#elif defined(__aarch64__)
  static const std::array all{neon_variant, reference_variant};
#else
  static const std::array all{reference_variant};
#endif
  return all;
}

const Variant& active() {
  static const Variant& chosen = active_variant(variants());
  return chosen;
}

}  // namespace diptych::kernels::linear
