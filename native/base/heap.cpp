#include "base/heap.hpp"

#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace diptych::base {

void keep_large_blocks_apart([[maybe_unused]] bool apart) noexcept {
#if defined(__GLIBC__)
  constexpr int apart_from = 1 << 20;
  // Near where glibc's own moving threshold ends up in a process that frees batches of pixels, and twice that
  // for its trimming, as in its own rule: higher ones keep as much again at the top of the heap.
  constexpr int usual = 8 << 20;
  (void)mallopt(M_MMAP_THRESHOLD, apart ? apart_from : usual);
  (void)mallopt(M_TRIM_THRESHOLD, 2 * usual);
  if (!apart) (void)malloc_trim(0);
#endif
}

}  // namespace diptych::base
