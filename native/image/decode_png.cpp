// PNG by libvips (libpng), with our own walk over the chunks: for Pillow's mode, and for what libpng would
// pass over in silence (checksums, a missing end).
#include <algorithm>
#include <vector>

#include "image/crc32.hpp"
#include "image/formats.hpp"
#include "image/ifd.hpp"
#include "image/samples.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

constexpr std::size_t kSignature = 8;

struct Chunk {
  std::size_t at = 0;  // of its length field
  Bytes type_and_data;
  Bytes data;
  bool good_checksum = false;
  [[nodiscard]] bool is(std::string_view type) const noexcept { return starts_with(type_and_data, 0, type); }
};

// The chunk at `at`, which moves behind it. False when the bytes end before the chunk does.
bool next_chunk(Bytes bytes, std::size_t& at, Chunk& chunk) noexcept {
  if (!has(bytes, at, 8)) return false;
  const std::size_t length = be32(bytes, at);
  if (!has(bytes, at + 8, length + 4)) return false;
  chunk.at = at;
  chunk.type_and_data = bytes.subspan(at + 4, length + 4);
  chunk.data = chunk.type_and_data.subspan(4);
  chunk.good_checksum = crc32(chunk.type_and_data) == be32(bytes, at + 8 + length);
  at += length + 12;
  return true;
}

// Pillow's modes (PngImagePlugin, _MODES). Gray with alpha of 16 bits opens as RGBA there, with three equal
// colours; the result is the same as for LA.
bool mode_of(unsigned depth, unsigned colour_type, Mode& mode) noexcept {
  const bool wide = depth == 8 || depth == 16;
  switch (colour_type) {
    case 0:
      if (depth != 1 && depth != 2 && depth != 4 && !wide) return false;
      mode = depth == 1 ? Mode::bilevel : depth == 16 ? Mode::gray16 : Mode::gray;
      return true;
    case 2:
      mode = Mode::rgb;
      return wide;
    case 3:
      mode = Mode::palette;
      return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case 4:
      mode = Mode::gray_alpha;
      return wide;
    case 6:
      mode = Mode::rgba;
      return wide;
    default:
      return false;
  }
}

void warn(Header& header, const char* what) {
  if (header.warning.empty()) header.warning = what;
}

Status cut(std::size_t size) {
  return Status::fail(Code::image_truncated, "PNG ends early, after " + std::to_string(size) + " bytes");
}

// tRNS where Pillow makes a single transparent colour of it; a palette's alphas are one only if all entries
// but one are opaque and that one is fully transparent (PngImagePlugin, chunk_tRNS).
void read_transparency(Bytes data, Header& header) {
  const auto clip = [](std::uint32_t value) { return static_cast<std::uint8_t>(std::min(value, 255u)); };
  if (header.mode == Mode::gray && data.size() >= 2) {
    const std::uint8_t value = clip(be16(data, 0));
    header.transparent = {value, value, value};
  } else if (header.mode == Mode::rgb && data.size() >= 6) {
    if (be16(data, 0) > 255 || be16(data, 2) > 255 || be16(data, 4) > 255) return;
    header.transparent = {clip(be16(data, 0)), clip(be16(data, 2)), clip(be16(data, 4))};
  } else if (header.mode == Mode::palette) {
    header.palette_alpha = true;
    const auto zero = std::find(data.begin(), data.end(), 0);
    const auto opaque = std::count(data.begin(), data.end(), 255);
    if (zero == data.end() || static_cast<std::size_t>(opaque) + 1 != data.size()) return;
    const auto index = static_cast<std::size_t>(zero - data.begin());
    header.transparent = {0, 0, 0};
    if (3 * index + 2 < header.colours.size())
      std::copy_n(&header.colours[3 * index], 3, header.transparent->begin());
  }
}

// Chunks behind the header: colours, orientation, checksums, and whether the picture data is all there.
Status walk(Bytes bytes, Header& header) {
  std::size_t at = kSignature;
  Chunk chunk;
  bool in_data = false;
  header.cut = true;
  while (next_chunk(bytes, at, chunk)) {
    const bool data = chunk.is("IDAT");
    if (in_data && !data) header.cut = false;
    in_data = in_data || data;
    if (!chunk.good_checksum) {
      // As Pillow: every chunk before the picture data must be sound; behind it, damage does no harm.
      if (!in_data) return Status::fail(Code::image_corrupt, "PNG has a header chunk with a wrong checksum");
      warn(header, "PNG has a chunk with a wrong checksum, the picture may be wrong in parts");
    }
    if (chunk.is("PLTE") && chunk.data.size() % 3 == 0)
      header.colours.assign(chunk.data.begin(), chunk.data.end());
    if (chunk.is("tRNS") && !in_data) read_transparency(chunk.data, header);
    if (chunk.is("eXIf")) header.orientation = exif_orientation(chunk.data);
    if (chunk.is("IEND")) {
      if (!in_data) return Status::fail(Code::image_corrupt, "PNG has no picture data");
      return Status::good();
    }
  }
  if (!in_data && !has(bytes, at, 8)) return cut(bytes.size());
  warn(header, "PNG has no end chunk (IEND): the file may be cut");
  return Status::good();
}

}  // namespace

Status read_png_header(Bytes bytes, Header& header) {
  header.format = Format::png;
  std::size_t at = kSignature;
  Chunk chunk;
  if (!next_chunk(bytes, at, chunk)) return cut(bytes.size());
  if (!chunk.is("IHDR") || chunk.data.size() != 13 || !chunk.good_checksum) {
    return Status::fail(Code::image_corrupt, "PNG has a damaged header (IHDR)");
  }
  header.width = be32(chunk.data, 0);
  header.height = be32(chunk.data, 4);
  if (header.width > 0x7fffffffu || header.height > 0x7fffffffu) {
    return Status::fail(Code::image_corrupt, "PNG declares an impossible size");
  }
  if (!mode_of(chunk.data[8], chunk.data[9], header.mode)) {
    return Status::fail(Code::image_corrupt,
                        "PNG declares an impossible combination of bit depth and colour type");
  }
  if (Status status = walk(bytes, header); !status.ok()) return status;
  if (header.mode == Mode::palette && header.colours.empty()) {
    return Status::fail(Code::image_corrupt, "PNG with palette has no palette");
  }
  return Status::good();
}

Status decode_png(Bytes bytes, const Options& options, Header& header, Scratch& scratch, Picture& picture) {
  PictureRows rows(header, scratch, picture);
  const VipsOutcome outcome =
      load_with_vips({.name = "pngload_buffer", .one_stream = true}, bytes, options, rows);
  if (!outcome.status.ok()) return outcome.status;
  if (outcome.result == VipsResult::good) return Status::good();
  if (options.allow_truncated && picture.pixels != nullptr) {
    rows.clear_from(outcome.rows);
    header.warning = "PNG ends early, the rest of the picture is black";
    return Status::good();
  }
  if (header.cut) return cut(bytes.size());
  return Status::fail(Code::image_corrupt, "PNG has damaged picture data");
}

}  // namespace diptych::image
