// GIF, first frame, as Pillow reads it. libvips (and every decoder that composes frames) makes transparent
// pixels black; Pillow keeps their palette colour, so GIFs have a decoder of their own.
#include <algorithm>
#include <array>
#include <optional>

#include "image/formats.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

struct Frame {
  std::size_t left = 0;
  std::size_t top = 0;
  std::size_t width = 0;
  std::size_t height = 0;
  bool interlaced = false;
  std::optional<std::uint8_t> transparent;
  unsigned code_bits = 0;
  std::size_t data_at = 0;
};

Status cut(std::size_t size) {
  return Status::fail(Code::image_truncated, "GIF ends early, after " + std::to_string(size) + " bytes");
}

// A palette that is 0, 1, 2 ... of gray makes Pillow open the file in mode L.
bool is_gray_ramp(Bytes colours) {
  for (std::size_t i = 0; i < colours.size(); ++i) {
    if (colours[i] != i / 3) return false;
  }
  return true;
}

// Colours that the palette lacks are black; without a palette (mode L) all are a ramp of gray.
std::array<std::uint8_t, 3> colour_of(const Header& header, std::size_t index) {
  if (3 * index + 2 < header.colours.size()) {
    return {header.colours[3 * index], header.colours[3 * index + 1], header.colours[3 * index + 2]};
  }
  const auto gray = header.colours.empty() ? static_cast<std::uint8_t>(index) : std::uint8_t{0};
  return {gray, gray, gray};
}

// Skips the data blocks at `at` up to their empty end. False when the file ends first.
bool skip_blocks(Bytes bytes, std::size_t& at) {
  while (has(bytes, at, 1)) {
    const std::size_t length = bytes[at++];
    if (length == 0) return true;
    if (!has(bytes, at, length)) return false;
    at += length;
  }
  return false;
}

// Reads up to the first frame's data.
Status read_frame(Bytes bytes, Header& header, Frame& frame) {
  if (!has(bytes, 0, 13)) return cut(bytes.size());
  header.width = le16(bytes, 6);
  header.height = le16(bytes, 8);
  std::size_t at = 13;
  bool has_colours = false;
  const auto read_colours = [&](std::uint8_t flags) {
    const std::size_t length = std::size_t{3} << ((flags & 7u) + 1);
    if (!has(bytes, at, length)) return false;
    const Bytes colours = bytes.subspan(at, length);
    has_colours = !is_gray_ramp(colours);
    header.colours.assign(colours.begin(), colours.end());
    at += length;
    return true;
  };
  if ((bytes[10] & 0x80u) != 0 && !read_colours(bytes[10])) return cut(bytes.size());
  while (has(bytes, at, 1)) {
    const std::uint8_t kind = bytes[at++];
    if (kind == ';') return Status::fail(Code::image_corrupt, "GIF has no picture");
    if (kind == '!') {
      if (!has(bytes, at, 2)) return cut(bytes.size());
      const bool control = bytes[at] == 249 && bytes[at + 1] >= 4 && has(bytes, at + 2, 4);
      if (control && (bytes[at + 2] & 1u) != 0) frame.transparent = bytes[at + 5];
      ++at;
      if (!skip_blocks(bytes, at)) return cut(bytes.size());
    } else if (kind == ',') {
      if (!has(bytes, at, 9)) return cut(bytes.size());
      frame.left = le16(bytes, at);
      frame.top = le16(bytes, at + 2);
      frame.width = le16(bytes, at + 4);
      frame.height = le16(bytes, at + 6);
      const std::uint8_t flags = bytes[at + 8];
      at += 9;
      frame.interlaced = (flags & 0x40u) != 0;
      if ((flags & 0x80u) != 0 && !read_colours(flags)) return cut(bytes.size());
      if (!has(bytes, at, 1)) return cut(bytes.size());
      frame.code_bits = bytes[at];
      frame.data_at = at + 1;
      // A frame that reaches beyond the screen makes the screen larger.
      header.width = std::max(header.width, frame.left + frame.width);
      header.height = std::max(header.height, frame.top + frame.height);
      header.mode = has_colours ? Mode::palette : Mode::gray;
      if (!has_colours) header.colours.clear();
      if (frame.transparent) header.transparent = colour_of(header, *frame.transparent);
      return Status::good();
    }
  }
  return cut(bytes.size());
}

// Where the next decoded pixel goes: rows in order, or the four passes of an interlaced frame.
class Cursor {
 public:
  Cursor(const Frame& frame, std::uint8_t* indices, std::size_t stride)
      : frame_(frame),
        origin_(indices + frame.top * stride + frame.left),
        stride_(stride),
        pass_(frame.interlaced ? 1 : 0),
        step_(frame.interlaced ? 8 : 1) {}

  [[nodiscard]] bool done() const noexcept { return done_; }
  void put(const std::uint8_t* values, std::size_t count) noexcept {
    while (count > 0 && !done_) {
      const std::size_t fit = std::min(count, frame_.width - x_);
      std::memcpy(origin_ + y_ * stride_ + x_, values, fit);
      values += fit;
      count -= fit;
      x_ += fit;
      if (x_ == frame_.width) next_row();
    }
  }

 private:
  void next_row() noexcept {
    x_ = 0;
    y_ += step_;
    while (y_ >= frame_.height) {
      if (pass_ == 0 || pass_ == 4) {
        done_ = true;
        return;
      }
      y_ = std::size_t{8} >> pass_;
      step_ = pass_ == 1 ? 8 : std::size_t{16} >> pass_;
      ++pass_;
    }
  }
  const Frame& frame_;
  std::uint8_t* origin_;
  std::size_t stride_;
  int pass_;
  std::size_t step_;
  std::size_t x_ = 0;
  std::size_t y_ = 0;
  bool done_ = false;
};

// Codes of up to 12 bits from the data blocks; a block counts only when it is all there, as in Pillow.
class CodeReader {
 public:
  CodeReader(Bytes bytes, std::size_t at) : bytes_(bytes), at_(at) {}
  // Nothing when the file ends.
  std::optional<unsigned> next(unsigned bits) noexcept {
    while (held_ < bits) {
      while (left_ == 0) {
        if (!has(bytes_, at_, 1) || !has(bytes_, at_ + 1, bytes_[at_])) return std::nullopt;
        left_ = bytes_[at_++];
      }
      buffer_ |= static_cast<std::uint32_t>(bytes_[at_++]) << held_;
      held_ += 8;
      --left_;
    }
    const unsigned code = buffer_ & ((1u << bits) - 1);
    buffer_ >>= bits;
    held_ -= bits;
    return code;
  }

 private:
  Bytes bytes_;
  std::size_t at_;
  std::size_t left_ = 0;
  std::uint32_t buffer_ = 0;
  unsigned held_ = 0;
};

constexpr unsigned kMostBits = 12;
constexpr unsigned kTable = 1u << kMostBits;

Status decode_lzw(Bytes bytes, const Options& options, const Frame& frame, Cursor& cursor) {
  const auto broken = [] { return Status::fail(Code::image_corrupt, "GIF has damaged picture data"); };
  if (frame.code_bits > kMostBits) return broken();
  const unsigned clear = 1u << frame.code_bits;
  const unsigned end = clear + 1;
  std::array<std::uint8_t, kTable> last_of{};   // the last pixel of a string
  std::array<std::uint16_t, kTable> prefix{};   // the string without it
  std::array<std::uint8_t, kTable + 1> text{};  // filled from its end
  unsigned next = clear + 2;
  unsigned bits = frame.code_bits + 1;
  unsigned previous = 0;
  std::uint8_t first_pixel = 0;
  bool fresh = true;
  CodeReader reader(bytes, frame.data_at);
  constexpr unsigned kCodesPerLook = 1u << 16;
  for (unsigned codes = 1; !cursor.done(); ++codes) {
    if (codes % kCodesPerLook == 0 && options.deadline.passed()) return timed_out(options);
    const auto read = reader.next(bits);
    if (!read || *read == end) return cut(bytes.size());  // an end before the last pixel is one, too
    unsigned code = *read;
    if (code == clear) {
      next = clear + 2;
      bits = frame.code_bits + 1;
      fresh = true;
      continue;
    }
    std::size_t begin = text.size();
    if (fresh) {
      if (code > clear) return broken();
      fresh = false;
      previous = code;
      first_pixel = static_cast<std::uint8_t>(code);
      text[--begin] = first_pixel;
      cursor.put(&text[begin], 1);
      continue;
    }
    if (code > next) return broken();
    const unsigned current = code;
    if (code == next) {
      text[--begin] = first_pixel;
      code = previous;
    }
    while (code >= clear) {
      if (begin <= 1 || code >= kTable) return broken();
      text[--begin] = last_of[code];
      code = prefix[code];
    }
    first_pixel = static_cast<std::uint8_t>(code);
    text[--begin] = first_pixel;
    if (next < kTable) {
      last_of[next] = first_pixel;
      prefix[next] = static_cast<std::uint16_t>(previous);
      if (next == (1u << bits) - 1 && bits < kMostBits) ++bits;
      ++next;
    }
    previous = current;
    cursor.put(&text[begin], text.size() - begin);
  }
  return Status::good();
}

// Indices at the end of the buffer -> colours from its beginning, which never overtake them.
void expand(const Header& header, const std::uint8_t* indices, std::uint8_t* pixels) {
  std::array<std::array<std::uint8_t, 3>, 256> colours;
  for (std::size_t i = 0; i < colours.size(); ++i) colours[i] = colour_of(header, i);
  const std::size_t count = header.width * header.height;
  for (std::size_t i = 0; i < count; ++i) {
    const auto colour = colours[indices[i]];
    std::copy(colour.begin(), colour.end(), pixels + 3 * i);
  }
}

}  // namespace

Status read_gif_header(Bytes bytes, Header& header) {
  header.format = Format::gif;
  Frame frame;
  return read_frame(bytes, header, frame);
}

Status decode_gif(Bytes bytes, const Options& options, Header& header, Scratch& scratch, Picture& picture) {
  Frame frame;
  if (Status status = read_frame(bytes, header, frame); !status.ok()) return status;
  if (frame.width == 0 || frame.height == 0)
    return Status::fail(Code::image_corrupt, "GIF has an empty first frame");
  if (Status status = allocate_picture(header, scratch, picture); !status.ok()) return status;
  const std::size_t count = header.width * header.height;
  std::uint8_t* const indices = picture.pixels + (channels_of(header.mode) - 1) * count;
  std::memset(indices, frame.transparent.value_or(0), count);
  Cursor cursor(frame, indices, header.width);
  if (Status status = decode_lzw(bytes, options, frame, cursor); !status.ok()) {
    if (status.code != Code::image_truncated || !options.allow_truncated) return status;
    header.warning = "GIF ends early, the rest of the picture is empty";
  }
  if (header.mode == Mode::palette) expand(header, indices, picture.pixels);
  return Status::good();
}

}  // namespace diptych::image
