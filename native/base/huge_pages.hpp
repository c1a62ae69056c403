#pragma once

#include <cstddef>

namespace diptych::base {

// Asks for huge pages behind the whole 2 MB blocks of this memory: walks across thousands of pages then miss
// no address translations. A hint, and only on Linux; small memory is left alone.
void use_huge_pages(void* memory, std::size_t bytes) noexcept;

}  // namespace diptych::base
