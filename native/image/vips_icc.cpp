#include <algorithm>
#include <string>
#include <string_view>

#include "image/colour.hpp"
#include "image/icc.hpp"
#include "image/vips_image.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

const char* loader_of(Format format) noexcept {
  switch (format) {
    case Format::jpeg:
      return "jpegload_buffer";
    case Format::png:
      return "pngload_buffer";
    case Format::webp:
      return "webpload_buffer";
    case Format::tiff:
      return "tiffload_buffer";
    default:
      return nullptr;
  }
}

void warn(Header& header, const char* what) {
  if (header.warning.empty()) header.warning = what;
}

// The mode that the transform takes: alpha is dropped, palettes and bilevel pictures are expanded. Nothing
// for those of 16 and 32 bits.
bool device_mode(Mode mode, Mode& device) noexcept {
  switch (mode) {
    case Mode::rgb:
    case Mode::rgba:
    case Mode::palette:
      device = Mode::rgb;
      return true;
    case Mode::gray:
    case Mode::gray_alpha:
    case Mode::bilevel:
      device = Mode::gray;
      return true;
    case Mode::cmyk:
      device = Mode::cmyk;
      return true;
    default:
      return false;
  }
}

// An ICC profile's colour space, at byte 16 of its header (ICC.1:2022, 7.2).
bool describes(Bytes profile, Mode device) noexcept {
  constexpr std::size_t kHeader = 128;
  constexpr std::size_t kColourSpace = 16;
  if (profile.size() < kHeader) return false;
  const std::string_view space = device == Mode::rgb ? "RGB " : device == Mode::gray ? "GRAY" : "CMYK";
  return starts_with(profile, kColourSpace, space);
}

void drop_alpha(Picture& picture) noexcept {
  const std::size_t channels = channels_of(picture.mode);
  const std::size_t count = picture.region.width * picture.region.height;
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(picture.pixels + i * channels, channels - 1, picture.pixels + i * (channels - 1));
  }
  picture.mode = channels == 4 ? Mode::rgb : Mode::gray;
  picture.stride = (channels - 1) * picture.region.width;
}

vips::Owned<::VipsImage> wrap(const Picture& picture, Mode device, const std::vector<std::uint8_t>& profile) {
  const std::size_t channels = channels_of(device);
  const std::size_t bytes = picture.stride * picture.region.height;
  vips::Owned<::VipsImage> image(vips_image_new_from_memory(
      picture.pixels, bytes, static_cast<int>(picture.region.width), static_cast<int>(picture.region.height),
      static_cast<int>(channels), VIPS_FORMAT_UCHAR));
  if (image == nullptr) return image;
  image->Type = device == Mode::rgb    ? VIPS_INTERPRETATION_sRGB
                : device == Mode::gray ? VIPS_INTERPRETATION_B_W
                                       : VIPS_INTERPRETATION_CMYK;
  vips_image_set_blob_copy(image.get(), VIPS_META_ICC_NAME, profile.data(), profile.size());
  return image;
}

class RgbRows final : public RowSink {
 public:
  RgbRows(std::uint8_t* pixels, std::size_t width, std::size_t height)
      : pixels_(pixels), width_(width), height_(height) {}
  Status begin(const VipsImage& image) override {
    const bool expected = image.width == width_ && image.height == height_ && image.bands == 3 &&
                          image.sample == VipsImage::Sample::uint8;
    return expected ? Status::good()
                    : Status::fail(Code::image_unsupported, "has a profile of a strange kind");
  }
  void row(std::size_t y, const std::uint8_t* samples) override {
    std::memcpy(pixels_ + 3 * y * width_, samples, 3 * width_);
  }

 private:
  std::uint8_t* pixels_;
  std::size_t width_;
  std::size_t height_;
};

}  // namespace

std::vector<std::uint8_t> read_icc_profile(Bytes bytes, Header& header) {
  const char* const loader = loader_of(header.format);
  if (loader == nullptr || !vips::start()) return {};
  const vips::ClearErrors clear_errors;
  const auto image = vips::open_image(loader, bytes, VIPS_FAIL_ON_NONE);
  const void* data = nullptr;
  std::size_t size = 0;
  if (image == nullptr || vips_image_get_typeof(image.get(), VIPS_META_ICC_NAME) == 0 ||
      vips_image_get_blob(image.get(), VIPS_META_ICC_NAME, &data, &size) != 0) {
    return {};
  }
  const Bytes profile(static_cast<const std::uint8_t*>(data), size);
  Mode device{};
  if (!device_mode(header.mode, device) || !describes(profile, device)) {
    warn(header, "its colour profile is for another kind of picture: not applied");
    return {};
  }
  return {profile.begin(), profile.end()};
}

Status convert_to_srgb(const std::vector<std::uint8_t>& profile, const Options& options, Header& header,
                       Scratch& scratch, Picture& picture) {
  if (picture.mode == Mode::rgba || picture.mode == Mode::gray_alpha) drop_alpha(picture);
  Mode device{};
  (void)device_mode(picture.mode, device);
  const std::size_t width = picture.region.width;
  const std::size_t height = picture.region.height;
  std::size_t bytes = 0;
  if (!base::multiply(3 * width, height, &bytes) || !scratch.converted.reserve(bytes))
    return Status::fail(Code::out_of_memory, "needs more memory for its colours than there is");
  std::uint8_t* const to = scratch.converted.data();

  const vips::ClearErrors clear_errors;
  const auto image = wrap(picture, device, profile);
  const vips::Owned<VipsOperation> operation(vips_operation_new("icc_transform"));
  VipsOutcome outcome;
  outcome.result = VipsResult::failed;
  if (image != nullptr && operation != nullptr) {
    g_object_set(operation.get(), "in", image.get(), "embedded", TRUE, "output_profile", "srgb", "intent",
                 VIPS_INTENT_PERCEPTUAL, "depth", 8, nullptr);
    RgbRows rows(to, width, height);
    if (const auto result = vips::output_of(operation.get())) {
      outcome = vips::read_rows(result.get(), options, rows);
    }
  }
  if (!outcome.status.ok()) return outcome.status;
  if (outcome.result != VipsResult::good) {
    warn(header, "its colour profile cannot be used: the colours are left as they are");
    for (std::size_t y = 0; y < height; ++y) {
      to_rgb(picture.mode, picture.pixels + y * picture.stride, width, to + 3 * y * width);
    }
  }
  picture.mode = Mode::rgb;
  picture.stride = 3 * width;
  picture.pixels = to;
  return Status::good();
}

}  // namespace diptych::image
