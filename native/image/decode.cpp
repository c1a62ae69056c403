#include "image/decode.hpp"

#include <algorithm>

#include "base/huge_pages.hpp"
#include "image/formats.hpp"
#include "image/other_formats.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

bool is_tiff(Bytes bytes) {
  return starts_with(bytes, 0, {"II\x2a\0", 4}) || starts_with(bytes, 0, {"MM\0\x2a", 4}) ||
         starts_with(bytes, 0, {"II\x2b\0", 4}) || starts_with(bytes, 0, {"MM\0\x2b", 4});
}

// The first bytes, for a message about a file that is no picture.
std::string beginning(Bytes bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
    constexpr char digits[] = "0123456789abcdef";
    if (!text.empty()) text += ' ';
    text += {digits[byte >> 4], digits[byte & 15]};
  }
  return text;
}

Status read_format(Bytes bytes, Header& header) {
  if (starts_with(bytes, 0, "\xff\xd8\xff")) return read_jpeg_header(bytes, header);
  if (starts_with(bytes, 0, {"\x89PNG\r\n\x1a\n", 8})) return read_png_header(bytes, header);
  if (starts_with(bytes, 0, "GIF87a") || starts_with(bytes, 0, "GIF89a"))
    return read_gif_header(bytes, header);
  if (starts_with(bytes, 0, "RIFF") && starts_with(bytes, 8, "WEBP")) return read_webp_header(bytes, header);
  if (is_tiff(bytes)) return read_tiff_header(bytes, header);
  if (starts_with(bytes, 0, "BM")) return read_bmp_header(bytes, header);
  if (is_pnm(bytes)) return read_pnm_header(bytes, header);
  const std::string read = "the formats that are read are JPEG, PNG, WebP, GIF, TIFF, BMP and PNM";
  const std::string_view name = name_of_other_format(bytes);
  if (!name.empty()) return Status::fail(Code::image_unsupported, "is " + std::string(name) + "; " + read);
  return Status::fail(Code::image_unsupported, "is no picture of a known format: its " +
                                                   std::to_string(bytes.size()) + " bytes begin with " +
                                                   beginning(bytes) + "; " + read);
}

}  // namespace

Scratch& Scratch::of_this_thread() {
  thread_local Scratch scratch;
  return scratch;
}

void Scratch::give_back() noexcept {
  constexpr std::size_t kKept = std::size_t{64} << 20;
  for (auto* const buffer : {&file, &pixels, &first_pass, &second_pass, &converted, &rgb}) {
    if (buffer->capacity() > kKept) buffer->release();
  }
}

Status read_header(Bytes bytes, const Options& options, Header& header) {
  if (bytes.empty()) return Status::fail(Code::image_empty, "is empty (0 bytes)");
  if (bytes.size() > options.max_bytes) {
    return Status::fail(Code::image_too_large, "has " + std::to_string(bytes.size()) +
                                                   " bytes, more than the limit of " +
                                                   std::to_string(options.max_bytes) + " (maxBytes)");
  }
  if (Status status = read_format(bytes, header); !status.ok()) return status;
  const std::string size = std::to_string(header.width) + " x " + std::to_string(header.height);
  if (header.width == 0 || header.height == 0) {
    return Status::fail(Code::image_corrupt, "declares a size of " + size + " pixels");
  }
  // Both sides have 32 bits at most, so the product fits.
  if (static_cast<std::uint64_t>(header.width) * header.height > options.max_pixels) {
    return Status::fail(Code::image_too_large, "declares " + size + " pixels, more than the limit of " +
                                                   std::to_string(options.max_pixels) +
                                                   " (maxPixels guards against decompression bombs)");
  }
  return Status::good();
}

Status decode(Bytes bytes, const Options& options, const DecodeRequest& request, Header& header,
              Scratch& scratch, Picture& picture) {
  switch (header.format) {
    case Format::jpeg:
      return decode_jpeg(bytes, options, request, header, scratch, picture);
    case Format::png:
      return decode_png(bytes, options, header, scratch, picture);
    case Format::gif:
      return decode_gif(bytes, options, header, scratch, picture);
    case Format::webp:
      return decode_webp(bytes, options, header, scratch, picture);
    case Format::tiff:
      return decode_tiff(bytes, options, header, scratch, picture);
    case Format::bmp:
      return decode_bmp(bytes, options, header, scratch, picture);
    case Format::pnm:
      return decode_pnm(bytes, options, header, scratch, picture);
  }
  return Status::fail(Code::image_unsupported, "is in an unknown format");
}

Status allocate_picture(const Header& header, Scratch& scratch, Picture& picture) {
  picture.mode = header.mode;
  picture.width = header.width;
  picture.height = header.height;
  picture.region = {0, 0, header.width, header.height};
  picture.stride = header.width * channels_of(header.mode) * sample_bytes(header.mode);
  std::size_t bytes = 0;
  const std::size_t before = scratch.pixels.capacity();
  if (!base::multiply(picture.stride, header.height, &bytes) || !scratch.pixels.reserve(bytes)) {
    return Status::fail(Code::out_of_memory, "needs more memory for its pixels than there is");
  }
  // A large picture lies on thousands of pages, and both decoding and resizing walk down its columns of rows.
  if (scratch.pixels.capacity() != before) base::use_huge_pages(scratch.pixels.data(), bytes);
  picture.pixels = scratch.pixels.data();
  return Status::good();
}

Status timed_out(const Options& options) {
  return Status::fail(Code::image_timeout, "takes longer to decode than the limit of " +
                                               std::to_string(options.deadline.milliseconds()) +
                                               " ms (imageTimeoutMs)");
}

DecoderInfo decoder_info() { return {vips_version(), jpeg_decoder_name()}; }

}  // namespace diptych::image
