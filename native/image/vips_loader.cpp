#include <vips/vips.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "image/formats.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

struct Unref {
  void operator()(void* object) const noexcept { g_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

void discard(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

bool start_vips() {
  static const bool started = [] {
    if (vips_init("diptych") != 0) return false;
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, discard, nullptr);  // a library does not print
    return true;
  }();
  return started;
}

bool describe(const ::VipsImage* from, VipsImage& to) {
  using Sample = VipsImage::Sample;
  to.width = static_cast<std::size_t>(vips_image_get_width(from));
  to.height = static_cast<std::size_t>(vips_image_get_height(from));
  to.bands = static_cast<std::size_t>(vips_image_get_bands(from));
  switch (vips_image_get_format(from)) {
    case VIPS_FORMAT_UCHAR:
      to.sample = Sample::uint8;
      return true;
    case VIPS_FORMAT_USHORT:
      to.sample = Sample::uint16;
      return true;
    case VIPS_FORMAT_SHORT:
      to.sample = Sample::int16;
      return true;
    case VIPS_FORMAT_UINT:
      to.sample = Sample::uint32;
      return true;
    case VIPS_FORMAT_INT:
      to.sample = Sample::int32;
      return true;
    case VIPS_FORMAT_FLOAT:
      to.sample = Sample::float32;
      return true;
    default:
      return false;
  }
}

// Built directly rather than through vips_call(), which would put the operation into the process-wide cache.
Owned<::VipsImage> open_image(const char* loader, Bytes bytes, bool allow_truncated) {
  const Owned<VipsOperation> operation(vips_operation_new(loader));
  if (operation == nullptr) return nullptr;
  VipsBlob* const blob = vips_blob_new(nullptr, bytes.data(), bytes.size());
  g_object_set(operation.get(), "buffer", blob, "access", VIPS_ACCESS_SEQUENTIAL, "fail-on",
               allow_truncated ? VIPS_FAIL_ON_NONE : VIPS_FAIL_ON_TRUNCATED, nullptr);
  vips_area_unref(VIPS_AREA(blob));
  ::VipsImage* image = nullptr;
  if (vips_object_build(VIPS_OBJECT(operation.get())) == 0)
    g_object_get(operation.get(), "out", &image, nullptr);
  vips_object_unref_outputs(VIPS_OBJECT(operation.get()));
  return Owned<::VipsImage>(image);
}

}  // namespace

VipsOutcome load_with_vips(const char* loader, Bytes bytes, bool allow_truncated, RowSink& sink) {
  VipsOutcome outcome;
  outcome.result = VipsResult::failed;
  if (!start_vips()) return outcome;
  // The message buffer of libvips is one for all threads, so what it says may be about another file: not
  // used.
  const struct ClearErrors {
    ~ClearErrors() { vips_error_clear(); }
  } clear_errors;
  const Owned<::VipsImage> image = open_image(loader, bytes, allow_truncated);
  VipsImage shape;
  if (image == nullptr || !describe(image.get(), shape)) return outcome;
  outcome.status = sink.begin(shape);
  if (!outcome.status.ok()) return outcome;

  // A region evaluates on the calling thread; strips keep its memory small.
  const Owned<VipsRegion> region(vips_region_new(image.get()));
  constexpr int kStrip = 32;
  const int height = vips_image_get_height(image.get());
  for (int top = 0; top < height; top += kStrip) {
    const VipsRect strip{0, top, vips_image_get_width(image.get()), std::min(kStrip, height - top)};
    if (region == nullptr || vips_region_prepare(region.get(), &strip) != 0) return outcome;
    for (int y = top; y < top + strip.height; ++y) {
      sink.row(static_cast<std::size_t>(y), VIPS_REGION_ADDR(region.get(), 0, y));
      ++outcome.rows;
    }
  }
  outcome.result = VipsResult::good;
  return outcome;
}

std::string vips_version() {
  if (!start_vips()) return "not usable";
  return vips_version_string();
}

}  // namespace diptych::image
