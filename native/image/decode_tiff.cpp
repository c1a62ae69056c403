// TIFF by libvips (libtiff), with our own look at the directory: Pillow's mode (TiffImagePlugin, OPEN_INFO).
#include <algorithm>
#include <string>

#include "image/formats.hpp"
#include "image/ifd.hpp"
#include "image/samples.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

struct Layout {
  std::uint64_t photometric = 0;
  std::uint64_t sample_format = 1;
  std::uint64_t bits = 1;
  std::uint64_t samples = 1;
  std::uint64_t compression = 1;
  std::vector<std::uint64_t> extra;
  bool equal_bits = true;
};

Layout read_layout(const Ifd& ifd) {
  Layout layout;
  layout.photometric = ifd.number(262).value_or(0);
  layout.sample_format = ifd.number(339).value_or(1);
  layout.compression = ifd.number(259).value_or(1);
  layout.samples = ifd.number(277).value_or(1);
  layout.extra = ifd.numbers(338);
  const auto bits = ifd.numbers(258);
  if (!bits.empty()) layout.bits = bits.front();
  layout.equal_bits = std::all_of(bits.begin(), bits.end(), [&](auto one) { return one == layout.bits; });
  return layout;
}

// Gray, with or without alpha.
bool gray_mode(const Layout& layout, Header& header) {
  const std::uint64_t bits = layout.bits;
  if (layout.samples == 2) {
    if (bits != 8 || layout.extra.size() != 1 || layout.photometric != 1) return false;
    header.mode = layout.extra[0] == 0 ? Mode::gray : Mode::gray_alpha;
    return layout.extra[0] == 0 || layout.extra[0] == 2;
  }
  if (layout.samples != 1) return false;
  if (layout.sample_format == 3) {
    header.mode = Mode::float32;
    return bits == 32;
  }
  if (layout.sample_format == 2) {
    header.mode = bits == 8 ? Mode::gray : Mode::int32;
    return layout.photometric == 1 && (bits == 8 || bits == 16 || bits == 32);
  }
  header.mode = bits == 1 ? Mode::bilevel : bits == 16 ? Mode::gray16 : bits == 32 ? Mode::int32 : Mode::gray;
  if (bits == 32) return layout.photometric == 1;
  return bits == 1 || bits == 2 || bits == 4 || bits == 8 || bits == 16;
}

bool colour_mode(const Layout& layout, Header& header) {
  if (layout.bits != 8 && layout.bits != 16) return false;
  if (layout.samples == 3) {
    header.mode = Mode::rgb;
    return true;
  }
  if (layout.samples < 4 || layout.samples > 6) return false;
  const std::uint64_t first = layout.extra.empty() ? 2 : layout.extra[0];
  header.mode = first == 0 ? Mode::rgb : Mode::rgba;
  header.premultiplied = first == 1;
  return first <= 2 || first == 999;
}

bool find_mode(const Layout& layout, Header& header) {
  if (!layout.equal_bits) return false;
  switch (layout.photometric) {
    case 0:
    case 1:
      return gray_mode(layout, header);
    case 2:
      return colour_mode(layout, header);
    case 3:
      header.mode = Mode::palette;
      return layout.bits <= 8 && layout.samples == 1;
    case 5:
      header.mode = Mode::cmyk;
      return (layout.bits == 8 || layout.bits == 16) && layout.samples >= 4;
    case 6:
      // Stored as JPEG, libtiff gives RGB; Pillow reads everything else as its mode YCbCr.
      header.mode = layout.samples == 1 ? Mode::gray : Mode::rgb;
      header.ycbcr = layout.samples == 3 && layout.compression != 7;
      return layout.bits == 8 && (layout.samples == 1 || layout.samples == 3);
    default:
      return false;
  }
}

// The colour map of a TIFF: all reds, then greens, then blues, 16 bits each; Pillow keeps the high bytes.
std::vector<std::uint8_t> read_colours(const Ifd& ifd) {
  const auto map = ifd.numbers(320);
  const std::size_t entries = map.size() / 3;
  std::vector<std::uint8_t> colours;
  for (std::size_t i = 0; i < entries; ++i) {
    for (std::size_t c = 0; c < 3; ++c)
      colours.push_back(static_cast<std::uint8_t>(map[c * entries + i] >> 8));
  }
  return colours;
}

}  // namespace

Status read_tiff_header(Bytes bytes, Header& header) {
  header.format = Format::tiff;
  const auto ifd = Ifd::read(bytes);
  if (!ifd) return Status::fail(Code::image_truncated, "TIFF ends before its directory");
  header.width = static_cast<std::size_t>(std::min<std::uint64_t>(ifd->number(256).value_or(0), 0xffffffffu));
  header.height =
      static_cast<std::size_t>(std::min<std::uint64_t>(ifd->number(257).value_or(0), 0xffffffffu));
  header.orientation = ifd->orientation();
  header.orient_always = true;
  const Layout layout = read_layout(*ifd);
  if (!find_mode(layout, header)) {
    return Status::fail(Code::image_unsupported,
                        "TIFF of a kind that is not read: photometric interpretation " +
                            std::to_string(layout.photometric) + ", " + std::to_string(layout.samples) +
                            " samples of " + std::to_string(layout.bits) + " bits");
  }
  if (header.mode == Mode::palette) header.colours = read_colours(*ifd);
  return Status::good();
}

Status decode_tiff(Bytes bytes, const Options& options, Header& header, Scratch& scratch, Picture& picture) {
  PictureRows rows(header, scratch, picture);
  const VipsOutcome outcome = load_with_vips("tiffload_buffer", bytes, options.allow_truncated, rows);
  if (!outcome.status.ok()) return outcome.status;
  if (outcome.result == VipsResult::good) return Status::good();
  if (options.allow_truncated && picture.pixels != nullptr) {
    rows.clear_from(outcome.rows);
    header.warning = "TIFF is cut or damaged, the rest of the picture is black";
    return Status::good();
  }
  // Offsets may point anywhere, so an early end and damage look alike; cut files are the usual case.
  return Status::fail(Code::image_truncated, "TIFF is cut or damaged: its picture data cannot be read");
}

}  // namespace diptych::image
