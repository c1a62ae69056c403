// TIFF by libvips (libtiff), with our own look at the directory: Pillow's mode (TiffImagePlugin, OPEN_INFO).
#include <algorithm>
#include <cmath>
#include <initializer_list>
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
  bool odd_ycbcr = false;  // subsampled outside of JPEG, or with a matrix or a range of its own
};

constexpr std::uint16_t kExtraSamples = 338;
constexpr std::uint8_t kUnassociated = 2;
constexpr std::uint64_t kUncompressed = 1;
constexpr std::uint64_t kJpeg = 7;

// What libvips' libtiff decodes: CCITT, LZW, JPEG, deflate, PackBits.
bool is_readable(std::uint64_t compression) noexcept {
  constexpr std::uint64_t kReadable[] = {1, 2, 3, 4, 5, 7, 8, 32773, 32946};
  return std::find(std::begin(kReadable), std::end(kReadable), compression) != std::end(kReadable);
}

bool is_absent_or(const std::vector<double>& values, std::initializer_list<double> usual) {
  return values.empty() || std::equal(values.begin(), values.end(), usual.begin(), usual.end(),
                                      [](double a, double b) { return std::fabs(a - b) < 1e-6; });
}

// Pillow's own reader, of uncompressed files, knows neither subsampling nor other matrices and ranges;
// libtiff, which it has read the others, does, and takes them for subsampled unless they say that they are
// not.
bool is_odd_ycbcr(const Ifd& ifd, std::uint64_t compression) {
  if (compression == kJpeg) return false;
  const auto sampling = ifd.numbers(530);
  const bool subsampled = std::any_of(sampling.begin(), sampling.end(), [](auto one) { return one != 1; });
  if (compression == kUncompressed) return subsampled;
  const bool planes = ifd.number(284).value_or(1) == 2;
  return subsampled || sampling.empty() || planes ||
         !is_absent_or(ifd.fractions(529), {0.299, 0.587, 0.114}) ||
         !is_absent_or(ifd.fractions(532), {0, 255, 128, 255, 128, 255});
}

Layout read_layout(const Ifd& ifd) {
  Layout layout;
  layout.photometric = ifd.number(262).value_or(0);
  layout.sample_format = ifd.number(339).value_or(1);
  layout.compression = ifd.number(259).value_or(1);
  layout.samples = ifd.number(277).value_or(1);
  layout.extra = ifd.numbers(kExtraSamples);
  const auto bits = ifd.numbers(258);
  if (!bits.empty()) layout.bits = bits.front();
  layout.odd_ycbcr = is_odd_ycbcr(ifd, layout.compression);
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
  header.not_inverted = bits == 16 && layout.photometric == 0;
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
      // Uncompressed ones Pillow reads as its mode YCbCr; of the others libtiff makes RGB. Only JPEG may have
      // fewer colours than pixels (and libtiff can't read gray ones).
      if (layout.bits != 8 || layout.samples != 3 || layout.odd_ycbcr) return false;
      header.mode = layout.compression == kUncompressed ? Mode::ycbcr : Mode::rgb;
      header.stored_ycbcr = layout.compression != kUncompressed && layout.compression != kJpeg;
      return true;
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

// libvips divides associated alpha out with a rounding of its own, and Pillow with another. A copy of the
// file that calls the alpha unassociated gives the samples as they are stored.
std::vector<std::uint8_t> with_plain_alpha(Bytes bytes) {
  const auto ifd = Ifd::read(bytes);
  const auto at = ifd ? ifd->place_of_short(kExtraSamples) : std::nullopt;
  if (!at) return {};
  std::vector<std::uint8_t> copy(bytes.begin(), bytes.end());
  copy[*at + (ifd->big_endian() ? 1 : 0)] = kUnassociated;
  return copy;
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
  if (!is_readable(layout.compression)) {
    return Status::fail(
        Code::image_unsupported,
        "TIFF with compression " + std::to_string(layout.compression) + ", which is not read");
  }
  if (ifd->number(322) && ifd->number(284).value_or(1) == 2 && layout.samples > 1)
    return Status::fail(Code::image_unsupported, "TIFF of a kind that is not read: tiles in separate planes");
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
  std::vector<std::uint8_t> copy;
  if (header.premultiplied) copy = with_plain_alpha(bytes);
  if (!copy.empty()) bytes = copy;
  PictureRows rows(header, scratch, picture);
  const VipsOutcome outcome = load_with_vips({"tiffload_buffer", true}, bytes, options, rows);
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
