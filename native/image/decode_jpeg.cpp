// JPEG through libjpeg-turbo: its defaults (accurate IDCT, smooth upsampling) are Pillow's. libvips does the
// work where the library is not to be had.
#include <algorithm>
#include <memory>

#include "image/formats.hpp"
#include "image/jpeg_markers.hpp"
#include "image/turbojpeg.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

// One per picture: a decompressor keeps the Huffman and quantisation tables of the file before, and would
// decode a file that lacks its own with them.
struct Destroy {
  const TurboJpeg* api;
  void operator()(void* handle) const noexcept { api->destroy(handle); }
};
using Decompressor = std::unique_ptr<void, Destroy>;

Status truncated(std::size_t size) {
  return Status::fail(Code::image_truncated,
                      "JPEG ends early: its " + std::to_string(size) + " bytes hold no end-of-image marker");
}

// A file may ask for any number of scans over the whole picture: a kind of bomb. No encoder writes more than
// a few dozen; the more pixels, the fewer are allowed, so that no picture takes longer than some seconds.
int scan_limit(const Header& header) {
  constexpr std::size_t kMostWork = std::size_t{4} << 30;
  return static_cast<int>(std::clamp<std::size_t>(kMostWork / (header.width * header.height), 64, 1000));
}

// Scans to begin with where there is a deadline: as many as encoders write. The library cannot be stopped
// while it decodes, so a file with more is begun anew with twice as many as long as there is time.
constexpr int kUsualScans = 32;

bool same(const Region& a, const Region& b) noexcept {
  return a.left == b.left && a.top == b.top && a.width == b.width && a.height == b.height;
}

// What to decode so that the wanted region comes out as it would from the whole picture. The decoder begins
// at whole MCUs, and smooth upsampling treats the region's borders as the picture's, which shows in the
// outermost two columns: a few more on both sides keep that away from what is wanted. Rows get a whole MCU.
Region region_to_decode(const DecodeRequest& request, const Region& whole, int subsampling) {
  // In the order of TJSAMP: 4:4:4, 4:2:2, 4:2:0, gray, 4:4:0, 4:1:1, 4:4:1.
  constexpr std::size_t kMcuWidths[] = {8, 16, 16, 8, 8, 32, 8};
  constexpr std::size_t kColumns = 8;
  constexpr std::size_t kRows = 32;
  if (subsampling < 0 || static_cast<std::size_t>(subsampling) >= std::size(kMcuWidths)) return whole;
  const std::size_t step = std::max<std::size_t>(1, kMcuWidths[subsampling] / request.scale);
  Region region;
  region.left = (request.region.left - std::min(request.region.left, kColumns)) / step * step;
  region.top = request.region.top - std::min(request.region.top, kRows);
  region.width = std::min(whole.width, request.region.left + request.region.width + kColumns) - region.left;
  region.height = std::min(whole.height, request.region.top + request.region.height + kRows) - region.top;
  // A crop costs the decoder some set-up: not worth it for a few columns.
  const bool saves = region.width * region.height < whole.width * whole.height / 16 * 15;
  return saves ? region : whole;
}

void invert(Picture& picture) noexcept {
  const std::size_t bytes = picture.stride * picture.region.height;
  for (std::size_t i = 0; i < bytes; ++i)
    picture.pixels[i] = static_cast<std::uint8_t>(255 - picture.pixels[i]);
}

Status with_turbojpeg(const TurboJpeg& api, Bytes bytes, const Options& options, const DecodeRequest& request,
                      Header& header, Scratch& scratch, Picture& picture) {
  JpegMarkers markers;
  if (Status status = read_jpeg_markers(bytes, markers); !status.ok()) return status;
  const Decompressor decompressor(api.init(TurboJpeg::kDecompress), Destroy{&api});
  const TurboJpeg::Handle handle = decompressor.get();
  if (handle == nullptr) return Status::fail(Code::out_of_memory, "the JPEG decoder could not be started");

  const int scale = static_cast<int>(request.scale);
  bool failed = api.read_header(handle, bytes.data(), bytes.size()) != 0;
  failed = (failed && !api.only_warned(handle)) || api.set_scale(handle, {1, scale}) != 0;
  if (failed) {
    const std::string why = api.error_text(handle);
    if (!has_end_of_image(bytes, markers.scan_at)) return truncated(bytes.size());
    return Status::fail(Code::image_corrupt, "JPEG cannot be decoded: " + why);
  }

  Header scaled = header;
  scaled.width = (header.width + request.scale - 1) / request.scale;
  scaled.height = (header.height + request.scale - 1) / request.scale;
  const Region whole_picture{0, 0, scaled.width, scaled.height};
  Region region = region_to_decode(request, whole_picture, api.get(handle, TurboJpeg::kSubsampling));
  if (!same(region, whole_picture)) {
    const TurboJpeg::Crop crop{static_cast<int>(region.left), static_cast<int>(region.top),
                               static_cast<int>(region.width), static_cast<int>(region.height)};
    if (api.set_crop(handle, crop) != 0) region = whole_picture;
  }
  scaled.width = region.width;
  scaled.height = region.height;
  if (Status status = allocate_picture(scaled, scratch, picture); !status.ok()) return status;
  picture.region = region;
  const int format = header.mode == Mode::gray   ? TurboJpeg::kFormatGray
                     : header.mode == Mode::cmyk ? TurboJpeg::kFormatCmyk
                                                 : TurboJpeg::kFormatRgb;
  const int most_scans = scan_limit(header);
  int scans = options.deadline.is_set() ? std::min(kUsualScans, most_scans) : most_scans;
  int result = 0;
  while (true) {
    api.set(handle, TurboJpeg::kScanLimit, scans);
    result = api.decompress(handle, bytes.data(), bytes.size(), picture.pixels,
                            static_cast<int>(picture.stride), format);
    if (result == 0 || scans == most_scans || !has_more_scans(bytes, markers.scan_at, scans)) break;
    if (options.deadline.passed()) return timed_out(options);
    scans = std::min(2 * scans, most_scans);
  }
  if (result != 0) {
    const bool whole = has_end_of_image(bytes, markers.scan_at);
    const std::string why = api.error_text(handle);
    if (!api.only_warned(handle)) {
      if (!whole) return truncated(bytes.size());
      return Status::fail(Code::image_corrupt, "JPEG cannot be decoded: " + why);
    }
    if (!whole && !options.allow_truncated) return truncated(bytes.size());
    header.warning = whole ? "JPEG data is damaged, the picture may be wrong in parts: " + why
                           : "JPEG ends early, the rest of the picture is gray";
  }
  if (header.mode == Mode::cmyk)
    invert(picture);  // Pillow takes every CMYK JPEG for Adobe's, which are inverted
  return Status::good();
}

class JpegRows final : public RowSink {
 public:
  JpegRows(const Header& header, Scratch& scratch, Picture& picture)
      : header_(header), scratch_(scratch), picture_(picture) {}
  Status begin(const VipsImage& image) override {
    if (image.bands != channels_of(header_.mode) || image.sample != VipsImage::Sample::uint8 ||
        image.width != header_.width || image.height != header_.height) {
      return Status::fail(Code::image_corrupt, "JPEG's parts disagree about its size or its components");
    }
    return allocate_picture(header_, scratch_, picture_);
  }
  void row(std::size_t y, const std::uint8_t* samples) override {
    std::memcpy(picture_.pixels + y * picture_.stride, samples, picture_.stride);
  }

 private:
  const Header& header_;
  Scratch& scratch_;
  Picture& picture_;
};

Status with_vips(Bytes bytes, const Options& options, Header& header, Scratch& scratch, Picture& picture) {
  JpegMarkers markers;
  if (Status status = read_jpeg_markers(bytes, markers); !status.ok()) return status;
  const bool whole = has_end_of_image(bytes, markers.scan_at);
  if (!whole && !options.allow_truncated) return truncated(bytes.size());
  JpegRows rows(header, scratch, picture);
  Options lenient = options;  // libvips calls damage an early end: the bytes were looked at above
  lenient.allow_truncated = true;
  const VipsOutcome outcome = load_with_vips({"jpegload_buffer"}, bytes, lenient, rows);
  if (!outcome.status.ok()) return outcome.status;
  if (outcome.result != VipsResult::good) return Status::fail(Code::image_corrupt, "JPEG cannot be decoded");
  if (!whole) header.warning = "JPEG ends early, the rest of the picture is gray";
  if (header.mode == Mode::cmyk && !markers.adobe) invert(picture);  // libvips has done it for Adobe's
  return Status::good();
}

}  // namespace

Status read_jpeg_header(Bytes bytes, Header& header) {
  JpegMarkers markers;
  if (Status status = read_jpeg_markers(bytes, markers); !status.ok()) return status;
  header.format = Format::jpeg;
  header.width = markers.width;
  header.height = markers.height;
  header.orientation = markers.orientation;
  header.mode = markers.components == 1 ? Mode::gray : markers.components == 3 ? Mode::rgb : Mode::cmyk;
  return Status::good();
}

Status decode_jpeg(Bytes bytes, const Options& options, const DecodeRequest& request, Header& header,
                   Scratch& scratch, Picture& picture) {
  if (const TurboJpeg* const api = TurboJpeg::get_library()) {
    return with_turbojpeg(*api, bytes, options, request, header, scratch, picture);
  }
  return with_vips(bytes, options, header, scratch, picture);
}

std::string jpeg_decoder_name() {
  const TurboJpeg* const api = TurboJpeg::get_library();
  if (api != nullptr) return "libjpeg-turbo 3 (" + api->path + ")";
  return "libvips (libturbojpeg 3 was not found: JPEGs take about twice as long)";
}

}  // namespace diptych::image
