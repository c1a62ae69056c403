#include "similarity/blocking.hpp"

#include <unistd.h>

#include <algorithm>

#include "kernels/similarity/kernel.hpp"

namespace diptych::similarity {

std::size_t second_level_cache() noexcept {
  static const std::size_t size = [] {
    std::size_t found = 0;
#if defined(_SC_LEVEL2_CACHE_SIZE)
    const long said = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (said > 0) found = static_cast<std::size_t>(said);
#endif
    return found >= (std::size_t{1} << 17) ? found : std::size_t{1} << 20;
  }();
  return size;
}

std::size_t rows_per_chunk(std::size_t stride) noexcept {
  constexpr std::size_t whole = kernels::similarity::row_multiple;
  const std::size_t fit = second_level_cache() * 3 / 16 / std::max<std::size_t>(stride, 1) / whole * whole;
  return std::clamp<std::size_t>(fit, whole, 32 * whole);
}

std::size_t rows_per_stretch(std::size_t stride) noexcept {
  constexpr std::size_t whole = kernels::similarity::row_multiple;
  const std::size_t fit = (std::size_t{4} << 20) / std::max<std::size_t>(stride, 1) / whole * whole;
  return std::clamp<std::size_t>(fit, whole, 128 * whole);
}

}  // namespace diptych::similarity
