#include <algorithm>
#include <limits>

#include "image/vips_image.hpp"

namespace diptych::image {
namespace vips {
namespace {

constexpr int kStrip = 32;  // rows that are asked for at a time

void discard(const gchar*, GLogLevelFlags, const gchar*, gpointer) {}

}  // namespace

bool start() noexcept {
  static const bool started = [] {
    if (vips_init("diptych") != 0) return false;
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, discard, nullptr);  // a library does not print
    return true;
  }();
  return started;
}

bool describe(const ::VipsImage* from, VipsImage& to) noexcept {
  using Sample = VipsImage::Sample;
  to.width = static_cast<std::size_t>(vips_image_get_width(from));
  to.height = static_cast<std::size_t>(vips_image_get_height(from));
  to.bands = static_cast<std::size_t>(vips_image_get_bands(from));
  switch (vips_image_get_format(from)) {
    case VIPS_FORMAT_UCHAR:
    case VIPS_FORMAT_CHAR:  // Pillow takes signed bytes for bytes
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

Owned<::VipsImage> output_of(VipsOperation* operation) {
  ::VipsImage* image = nullptr;
  if (vips_object_build(VIPS_OBJECT(operation)) == 0) g_object_get(operation, "out", &image, nullptr);
  vips_object_unref_outputs(VIPS_OBJECT(operation));
  return Owned<::VipsImage>(image);
}

Owned<::VipsImage> open_image(const char* loader, Bytes bytes, VipsFailOn fail_on) {
  const Owned<VipsOperation> operation(vips_operation_new(loader));
  if (operation == nullptr) return nullptr;
  VipsBlob* const blob = vips_blob_new(nullptr, bytes.data(), bytes.size());
  g_object_set(operation.get(), "buffer", blob, "access", VIPS_ACCESS_SEQUENTIAL, "fail-on", fail_on,
               nullptr);
  vips_area_unref(VIPS_AREA(blob));
  return output_of(operation.get());
}

VipsOutcome read_rows(::VipsImage* image, const Options& options, RowSink& sink, std::size_t most) {
  VipsOutcome outcome;
  outcome.result = VipsResult::failed;
  VipsImage shape;
  if (!describe(image, shape)) return outcome;
  outcome.status = sink.begin(shape);
  if (!outcome.status.ok()) return outcome;

  // A region evaluates on the calling thread.
  const Owned<VipsRegion> region(vips_region_new(image));
  const int height = vips_image_get_height(image);
  for (int top = 0; top < height; top += kStrip) {
    if (outcome.rows >= most) return outcome;
    const VipsRect strip{0, top, vips_image_get_width(image), std::min(kStrip, height - top)};
    if (region == nullptr || vips_region_prepare(region.get(), &strip) != 0) return outcome;
    if (options.deadline.passed()) {
      outcome.status = timed_out(options);
      return outcome;
    }
    for (int y = top; y < top + strip.height; ++y) {
      sink.row(static_cast<std::size_t>(y), VIPS_REGION_ADDR(region.get(), 0, y));
      ++outcome.rows;
    }
  }
  outcome.result = VipsResult::good;
  return outcome;
}

}  // namespace vips

VipsOutcome load_with_vips(const VipsLoader& loader, Bytes bytes, const Options& options, RowSink& sink) {
  VipsOutcome outcome;
  outcome.result = VipsResult::failed;
  if (!vips::start()) return outcome;
  const vips::ClearErrors clear_errors;
  std::size_t most = std::numeric_limits<std::size_t>::max();
  if (options.allow_truncated && loader.one_stream) {
    if (const auto image = vips::open_image(loader.name, bytes, VIPS_FAIL_ON_TRUNCATED)) {
      outcome = vips::read_rows(image.get(), options, sink);
      if (outcome.result == VipsResult::good || !outcome.status.ok()) return outcome;
      // Once more, for the good rows of the strip that is damaged.
      most = outcome.rows + vips::kStrip;
    }
  }
  VipsFailOn fail_on = VIPS_FAIL_ON_NONE;
  if (!options.allow_truncated) fail_on = loader.strict ? VIPS_FAIL_ON_WARNING : VIPS_FAIL_ON_TRUNCATED;
  auto image = vips::open_image(loader.name, bytes, fail_on);
  if (image == nullptr && fail_on == VIPS_FAIL_ON_WARNING) {
    image = vips::open_image(loader.name, bytes, VIPS_FAIL_ON_ERROR);
  }
  return image == nullptr ? outcome : vips::read_rows(image.get(), options, sink, most);
}

std::string vips_version() {
  if (!vips::start()) return "not usable";
  return vips_version_string();
}

}  // namespace diptych::image
