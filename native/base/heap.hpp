#pragma once

namespace diptych::base {

// While `apart`, blocks of a megabyte and more are mapped on their own and go back to the system once they
// are freed; after that, free memory of the heap goes back as well, and large blocks are kept for reuse
// again. Opening a model frees as much as it keeps (the file's own copy of every weight that ONNX Runtime
// packs anew), which glibc would otherwise hold on to for the life of the process. A no-op with other C
// libraries.
void keep_large_blocks_apart(bool apart) noexcept;

}  // namespace diptych::base
