#include <array>

#include "kernels/resize/kernel.hpp"

namespace diptych::kernels::resize {

std::span<const Variant> variants() noexcept {
#if defined(__x86_64__)
  static const std::array<Variant, 5> all{avx512_vbmi, avx512_vnni, avx512, avx2, reference};
#elif defined(__aarch64__)
  static const std::array<Variant, 2> all{neon, reference};
#else
  static const std::array<Variant, 1> all{reference};
#endif
  return all;
}

const Variant& active() noexcept {
  static const Variant& chosen = active_variant(variants());
  return chosen;
}

}  // namespace diptych::kernels::resize
