// What the files that call libvips share (vips_loader.cpp, vips_icc.cpp). Nothing of libvips' cache, thread
// pool or global settings is used or changed: sharp may be loaded in the same process. Operations are built
// directly rather than through vips_call(), which would put them into the process-wide cache.
#pragma once

#include <vips/vips.h>

#include <memory>

#include "image/formats.hpp"

namespace diptych::image::vips {

struct Unref {
  void operator()(void* object) const noexcept { g_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

// The message buffer of libvips is one for all threads, so what it says may be about another file: it is
// emptied and not used.
struct ClearErrors {
  ClearErrors() = default;
  ~ClearErrors() { vips_error_clear(); }
  ClearErrors(const ClearErrors&) = delete;
  ClearErrors& operator=(const ClearErrors&) = delete;
};

// Initialises the library, once. False when it cannot be used.
bool start() noexcept;

// False for kinds of samples that no decoder here asks for.
bool describe(const ::VipsImage* from, VipsImage& to) noexcept;

// A loader's lazy picture, or null. `bytes` must outlive it.
Owned<::VipsImage> open_image(const char* loader, Bytes bytes, VipsFailOn fail_on);

// The image an operation makes of its inputs, or null.
Owned<::VipsImage> output_of(VipsOperation* operation);

// Computes the rows on this thread, in strips so that their memory stays small, until the deadline passes.
// Stops after `most` rows, with the result `failed`.
VipsOutcome read_rows(::VipsImage* image, const Options& options, RowSink& sink,
                      std::size_t most = static_cast<std::size_t>(-1));

}  // namespace diptych::image::vips
