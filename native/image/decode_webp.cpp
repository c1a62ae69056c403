// WebP by libvips (libwebp, as in Pillow): the first frame.
#include <algorithm>

#include "image/formats.hpp"
#include "image/ifd.hpp"
#include "image/samples.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

Status cut(std::size_t have, std::size_t need) {
  return Status::fail(Code::image_truncated, "WebP ends early: it has " + std::to_string(have) + " of " +
                                                 std::to_string(need) + " bytes");
}

std::size_t declared_size(Bytes bytes) { return std::size_t{le32(bytes, 4)} + 8; }

std::uint32_t le24(Bytes bytes, std::size_t at) {
  return le16(bytes, at) | static_cast<std::uint32_t>(bytes[at + 2]) << 16;
}

// Size and alpha, from the first chunk.
bool read_first_chunk(Bytes bytes, Header& header) {
  if (!has(bytes, 12, 18)) return false;
  if (starts_with(bytes, 12, "VP8 ")) {
    if (!starts_with(bytes, 23, "\x9d\x01\x2a")) return false;
    header.width = le16(bytes, 26) & 0x3fffu;
    header.height = le16(bytes, 28) & 0x3fffu;
    header.mode = Mode::rgb;
    return true;
  }
  if (starts_with(bytes, 12, "VP8L")) {
    if (bytes[20] != 0x2f) return false;
    const std::uint32_t bits = le32(bytes, 21);
    header.width = (bits & 0x3fffu) + 1;
    header.height = (bits >> 14 & 0x3fffu) + 1;
    header.mode = (bits >> 28 & 1u) != 0 ? Mode::rgba : Mode::rgb;
    return true;
  }
  if (starts_with(bytes, 12, "VP8X")) {
    header.width = le24(bytes, 24) + std::size_t{1};
    header.height = le24(bytes, 27) + std::size_t{1};
    header.mode = (bytes[20] & 0x10u) != 0 ? Mode::rgba : Mode::rgb;
    return true;
  }
  return false;
}

int find_orientation(Bytes bytes) {
  for (std::size_t at = 12; has(bytes, at, 8);) {
    const std::size_t length = le32(bytes, at + 4);
    if (!has(bytes, at + 8, length)) return 1;
    if (starts_with(bytes, at, "EXIF")) return exif_orientation(bytes.subspan(at + 8, length));
    at += 8 + length + (length & 1u);
  }
  return 1;
}

}  // namespace

Status read_webp_header(Bytes bytes, Header& header) {
  header.format = Format::webp;
  if (!read_first_chunk(bytes, header)) {
    if (declared_size(bytes) > bytes.size()) return cut(bytes.size(), declared_size(bytes));
    return Status::fail(Code::image_corrupt, "WebP has a damaged header");
  }
  header.orientation = find_orientation(bytes);
  return Status::good();
}

Status decode_webp(Bytes bytes, const Options& options, Header& header, Scratch& scratch, Picture& picture) {
  const bool whole = declared_size(bytes) <= bytes.size();
  if (!whole && !options.allow_truncated) return cut(bytes.size(), declared_size(bytes));
  PictureRows rows(header, scratch, picture);
  const VipsOutcome outcome = load_with_vips({"webpload_buffer"}, bytes, options, rows);
  if (!outcome.status.ok()) return outcome.status;
  if (outcome.result == VipsResult::good) return Status::good();
  if (options.allow_truncated && picture.pixels != nullptr) {
    rows.clear_from(outcome.rows);
    header.warning = "WebP ends early, the rest of the picture is black";
    return Status::good();
  }
  return whole ? Status::fail(Code::image_corrupt, "WebP has damaged picture data")
               : cut(bytes.size(), declared_size(bytes));
}

}  // namespace diptych::image
