// BMP, as Pillow's BmpImagePlugin reads it: headers of 12 to 124 bytes, 1 to 32 bits, RLE4 and RLE8.
#include <algorithm>
#include <array>
#include <string>

#include "image/formats.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

constexpr std::size_t kFileHeader = 14;
enum Compression : std::uint32_t { kRaw = 0, kRle8 = 1, kRle4 = 2, kBitfields = 3 };

struct Layout {
  unsigned bits = 0;
  std::uint32_t compression = kRaw;
  bool top_down = false;
  std::size_t data_at = 0;
  // Of 24 and 32 bits: which byte of a pixel is red, green, blue and alpha.
  std::array<std::uint8_t, 4> order{2, 1, 0, 3};
  bool six_greens = false;  // 16 bits as 5-6-5
  std::array<std::array<std::uint8_t, 3>, 256> colours{};
  [[nodiscard]] std::size_t stride(std::size_t width) const noexcept { return (width * bits + 31) / 32 * 4; }
};

Status cut(std::size_t size) {
  return Status::fail(Code::image_truncated, "BMP ends early, after " + std::to_string(size) + " bytes");
}
Status unsupported(const std::string& what) {
  return Status::fail(Code::image_unsupported, "BMP of a kind that is not read: " + what);
}

// The masks that Pillow knows, by what they say of the bytes.
bool read_masks(Bytes bytes, std::size_t at, bool has_alpha_mask, Layout& layout, Mode& mode) {
  std::array<std::uint32_t, 4> masks{};
  for (std::size_t i = 0; i < (has_alpha_mask ? 4u : 3u); ++i) masks[i] = le32(bytes, at + 4 * i);
  const auto is = [&](std::uint32_t r, std::uint32_t g, std::uint32_t b) {
    return masks[0] == r && masks[1] == g && masks[2] == b;
  };
  if (layout.bits == 16) {
    layout.six_greens = is(0xf800, 0x7e0, 0x1f);
    return layout.six_greens || is(0x7c00, 0x3e0, 0x1f);
  }
  if (layout.bits == 24) return is(0xff0000, 0xff00, 0xff);
  struct Known {
    std::array<std::uint32_t, 4> masks;
    std::array<std::uint8_t, 4> order;
    Mode mode;
  };
  constexpr Known kKnown[] = {
      {{0xff0000, 0xff00, 0xff, 0}, {2, 1, 0, 3}, Mode::rgb},
      {{0xff000000, 0xff0000, 0xff00, 0}, {3, 2, 1, 0}, Mode::rgb},
      {{0xff000000, 0xff00, 0xff, 0}, {3, 1, 0, 2}, Mode::rgb},
      {{0xff000000, 0xff0000, 0xff00, 0xff}, {3, 2, 1, 0}, Mode::rgba},
      {{0xff, 0xff00, 0xff0000, 0xff000000}, {0, 1, 2, 3}, Mode::rgba},
      {{0xff0000, 0xff00, 0xff, 0xff000000}, {2, 1, 0, 3}, Mode::rgba},
      {{0xff000000, 0xff00, 0xff, 0xff0000}, {3, 1, 0, 2}, Mode::rgba},
      {{0, 0, 0, 0}, {2, 1, 0, 3}, Mode::rgba},
  };
  for (const Known& known : kKnown) {
    if (layout.bits != 32 || known.masks != masks) continue;
    layout.order = known.order;
    mode = known.mode;
    return true;
  }
  return false;
}

// A palette of nothing but the grays 0, 1, 2 ... (or black and white) is none to Pillow.
bool is_gray_ramp(Bytes palette, std::size_t entry, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t value = count == 2 ? 255 * i : i;
    for (std::size_t c = 0; c < 3; ++c) {
      if (entry * i + c >= palette.size() || palette[entry * i + c] != value) return false;
    }
  }
  return true;
}

Status read_palette(Bytes bytes, std::size_t at, std::size_t entry, std::size_t count, Header& header,
                    Layout& layout) {
  constexpr std::size_t kMost = 65536;
  if (count == 0 || count > kMost) return unsupported("a palette of " + std::to_string(count) + " colours");
  if (at > bytes.size()) return cut(bytes.size());
  const Bytes palette = bytes.subspan(at, std::min(entry * count, bytes.size() - at));
  if (is_gray_ramp(palette, entry, count)) {
    header.mode = count <= 2 ? Mode::bilevel : Mode::gray;
    for (std::size_t i = 0; i < 256; ++i)
      layout.colours[i].fill(static_cast<std::uint8_t>(count <= 2 ? (i == 0 ? 0 : 255) : i));
    return Status::good();
  }
  header.mode = Mode::palette;
  const std::size_t whole = std::min<std::size_t>(palette.size() / entry, 256);
  header.colours.clear();
  for (std::size_t i = 0; i < whole; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      layout.colours[i][c] = palette[entry * i + 2 - c];
      header.colours.push_back(layout.colours[i][c]);
    }
  }
  return Status::good();
}

Status read_layout(Bytes bytes, Header& header, Layout& layout) {
  if (!has(bytes, 0, kFileHeader + 4)) return cut(bytes.size());
  const std::size_t size = le32(bytes, kFileHeader);
  constexpr std::size_t kSizes[] = {12, 40, 52, 56, 64, 108, 124};
  if (std::find(std::begin(kSizes), std::end(kSizes), size) == std::end(kSizes))
    return unsupported("a header of " + std::to_string(size) + " bytes");
  if (!has(bytes, kFileHeader, size)) return cut(bytes.size());
  std::size_t colours = 0;
  const bool core = size == 12;
  if (core) {
    header.width = le16(bytes, 18);
    header.height = le16(bytes, 20);
    layout.bits = le16(bytes, 24);
  } else {
    header.width = le32(bytes, 18);
    header.height = le32(bytes, 22);
    layout.top_down = bytes[25] == 0xff;
    if (layout.top_down) header.height = (std::size_t{1} << 32) - header.height;
    layout.bits = le16(bytes, 28);
    layout.compression = le32(bytes, 30);
    colours = le32(bytes, 46);
  }
  if (layout.bits != 1 && layout.bits != 4 && layout.bits != 8 && layout.bits != 16 && layout.bits != 24 &&
      layout.bits != 32) {
    return unsupported(std::to_string(layout.bits) + " bits per pixel");
  }
  if (colours == 0) colours = std::size_t{1} << std::min(layout.bits, 16u);
  header.mode = Mode::rgb;
  std::size_t behind = kFileHeader + size;
  if (layout.compression == kBitfields) {
    const bool inside = size >= 52;
    const std::size_t masks = inside ? 54 : behind;
    const bool alpha = size >= 56;
    if (!has(bytes, masks, alpha ? 16 : 12)) return cut(bytes.size());
    if (!inside) behind += 12;
    if (!read_masks(bytes, masks, alpha, layout, header.mode)) return unsupported("its bit fields");
  } else if (layout.compression > kBitfields) {
    return unsupported("compression " + std::to_string(layout.compression));
  }
  const std::size_t entry = core ? 3 : 4;
  std::size_t offset = le32(bytes, 10);
  if (layout.bits <= 8) {
    if (offset == kFileHeader + size) offset += entry * colours;
    if (Status status = read_palette(bytes, behind, entry, colours, header, layout); !status.ok())
      return status;
    behind = std::min(bytes.size(), behind + entry * colours);
  }
  layout.data_at = offset != 0 ? offset : behind;
  return Status::good();
}

void unpack_row(const Header& header, const Layout& layout, const std::uint8_t* from, std::uint8_t* to) {
  const std::size_t channels = channels_of(header.mode);
  const auto put = [&](std::size_t x, unsigned index) {
    std::copy_n(layout.colours[index].begin(), channels, to + x * channels);
  };
  for (std::size_t x = 0; x < header.width; ++x) {
    switch (layout.bits) {
      case 1:
        put(x, from[x / 8] >> (7 - x % 8) & 1u);
        break;
      case 4:
        put(x, from[x / 2] >> (x % 2 == 0 ? 4 : 0) & 15u);
        break;
      case 8:
        put(x, from[x]);
        break;
      case 16: {
        const unsigned pixel = from[2 * x] | static_cast<unsigned>(from[2 * x + 1]) << 8;
        const unsigned green =
            layout.six_greens ? (pixel >> 5 & 63u) * 255 / 63 : (pixel >> 5 & 31u) * 255 / 31;
        to[3 * x] = static_cast<std::uint8_t>((pixel >> (layout.six_greens ? 11 : 10) & 31u) * 255 / 31);
        to[3 * x + 1] = static_cast<std::uint8_t>(green);
        to[3 * x + 2] = static_cast<std::uint8_t>((pixel & 31u) * 255 / 31);
        break;
      }
      default:
        for (std::size_t c = 0; c < channels; ++c)
          to[channels * x + c] = from[layout.bits / 8 * x + layout.order[c]];
    }
  }
}

// Pillow's BmpRleDecoder, quirks included: stretches of literal pixels may run over the end of a row, and are
// padded to an even place in the file. Gives how many of the pixels the data holds.
std::size_t expand_runs(Bytes bytes, const Layout& layout, std::size_t width,
                        std::span<std::uint8_t> indices) {
  const bool four = layout.compression == kRle4;
  std::size_t at = layout.data_at;
  std::size_t done = 0;
  std::size_t x = 0;
  while (done < indices.size() && has(bytes, at, 2)) {
    const std::size_t count = bytes[at];
    const std::uint8_t value = bytes[at + 1];
    at += 2;
    if (count != 0) {
      const std::size_t fit = std::min({count, x < width ? width - x : 0, indices.size() - done});
      for (std::size_t i = 0; i < fit; ++i) {
        const unsigned pixel = !four ? value : i % 2 == 0 ? value >> 4u : value & 15u;
        indices[done++] = static_cast<std::uint8_t>(pixel);
      }
      x += fit;
    } else if (value == 0) {
      while (done % width != 0) indices[done++] = 0;
      x = 0;
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      if (!has(bytes, at, 2)) break;
      const std::size_t jump = std::min(indices.size() - done, bytes[at] + bytes[at + 1] * width);
      std::fill_n(indices.begin() + static_cast<std::ptrdiff_t>(done), jump, std::uint8_t{0});
      done += jump;
      at += 2;
      x = done % width;
    } else {
      const std::size_t pixels = std::min<std::size_t>(indices.size() - done, value);
      const std::size_t length = four ? (pixels + 1) / 2 : pixels;
      if (!has(bytes, at, length)) break;
      for (std::size_t i = 0; i < pixels; ++i) {
        const unsigned pixel = !four ? bytes[at + i] : bytes[at + i / 2] >> (i % 2 == 0 ? 4 : 0) & 15u;
        indices[done++] = static_cast<std::uint8_t>(pixel);
      }
      at += length + (at + length) % 2;
      x += value;
    }
  }
  return done;
}

}  // namespace

Status read_bmp_header(Bytes bytes, Header& header) {
  header.format = Format::bmp;
  Layout layout;
  return read_layout(bytes, header, layout);
}

Status decode_bmp(Bytes bytes, const Options& options, Header& header, Scratch& scratch, Picture& picture) {
  Layout layout;
  if (Status status = read_layout(bytes, header, layout); !status.ok()) return status;
  if (Status status = allocate_picture(header, scratch, picture); !status.ok()) return status;
  const bool runs = layout.compression == kRle8 || layout.compression == kRle4;
  if (runs && layout.bits > 8) return unsupported("run lengths of more than 8 bits");
  std::vector<std::uint8_t> indices;
  const std::uint8_t* rows = nullptr;
  std::size_t stride = layout.stride(header.width);
  std::size_t whole = header.height;  // rows that the file has
  if (runs) {
    indices.resize(header.width * header.height);
    if (expand_runs(bytes, layout, header.width, indices) < indices.size()) return cut(bytes.size());
    layout.bits = 8;
    stride = header.width;
    rows = indices.data();
  } else {
    // The padding of the last row may be missing.
    const std::size_t row_bytes = (header.width * layout.bits + 7) / 8;
    const std::size_t have = bytes.size() - std::min(bytes.size(), layout.data_at);
    whole = std::min(header.height, have < row_bytes ? 0 : (have - row_bytes) / stride + 1);
    if (whole < header.height && !options.allow_truncated) return cut(bytes.size());
    rows = bytes.data() + std::min(bytes.size(), layout.data_at);
  }
  if (whole < header.height) {
    header.warning = "BMP ends early, the rest of the picture is empty";
    const std::size_t channels = channels_of(header.mode);
    for (std::size_t i = 0; i < header.width * header.height; ++i) {
      std::copy_n(
          header.mode == Mode::palette ? layout.colours[0].data() : std::array<std::uint8_t, 4>{}.data(),
          channels, picture.pixels + i * channels);
    }
  }
  for (std::size_t y = 0; y < whole; ++y) {
    const std::size_t row = layout.top_down ? y : header.height - 1 - y;
    unpack_row(header, layout, rows + y * stride, picture.pixels + row * picture.stride);
  }
  return Status::good();
}

}  // namespace diptych::image
