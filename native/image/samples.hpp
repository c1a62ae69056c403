// Rows as libvips gives them -> rows of a Picture, by the rules that Pillow unpacks with.
#pragma once

#include "image/formats.hpp"

namespace diptych::image {

// Whether a row of this shape can become a row of `header`'s mode.
[[nodiscard]] bool can_convert(const Header& header, const VipsImage& image) noexcept;

// `width` pixels of `image.bands` samples -> header.mode: the first bands are taken and the rest dropped; of
// 16-bit samples the high byte, where the mode has 8 bits; associated alpha is divided out
// (Header::premultiplied).
void convert_row(const Header& header, const VipsImage& image, const std::uint8_t* from,
                 std::uint8_t* to) noexcept;

// Collects whole rows into the scratch's picture.
class PictureRows final : public RowSink {
 public:
  PictureRows(const Header& header, Scratch& scratch, Picture& picture)
      : header_(header), scratch_(scratch), picture_(picture) {}
  base::Status begin(const VipsImage& image) override;
  void row(std::size_t y, const std::uint8_t* samples) override {
    convert_row(header_, image_, samples, picture_.pixels + y * picture_.stride);
  }
  // Makes black what a truncated file did not give.
  void clear_from(std::size_t y) noexcept;

 private:
  const Header& header_;
  Scratch& scratch_;
  Picture& picture_;
  VipsImage image_;
};

}  // namespace diptych::image
