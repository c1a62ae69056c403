// The first image file directory of a TIFF file, or of an EXIF block, which is one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "image/bytes.hpp"

namespace diptych::image {

class Ifd {
 public:
  // Nothing when the bytes are not TIFF (classic or BigTIFF) or the directory is cut.
  static std::optional<Ifd> read(Bytes bytes);

  [[nodiscard]] bool big_endian() const noexcept { return big_endian_; }
  // The first value of a tag of a whole-number type.
  [[nodiscard]] std::optional<std::uint64_t> number(std::uint16_t tag) const;
  // All values (at most `most`); empty when the tag is not there.
  [[nodiscard]] std::vector<std::uint64_t> numbers(std::uint16_t tag, std::size_t most = 1024) const;
  // Where the first value of a tag of 16-bit numbers lies.
  [[nodiscard]] std::optional<std::size_t> place_of_short(std::uint16_t tag) const;
  // All values of a tag of fractions; a fraction over zero is 0.
  [[nodiscard]] std::vector<double> fractions(std::uint16_t tag) const;
  // EXIF's orientation, 1 when there is none or it is not one of 1 to 8.
  [[nodiscard]] int orientation() const;

 private:
  struct Entry {
    std::uint16_t tag;
    std::uint16_t type;
    std::uint64_t count;
    std::size_t value_at;
  };
  [[nodiscard]] std::uint64_t get(std::size_t at, std::size_t size) const noexcept;
  Bytes bytes_;
  bool big_endian_ = false;
  bool big_tiff_ = false;
  std::vector<Entry> entries_;
};

// The orientation in an EXIF block (with or without the "Exif\0\0" in front).
[[nodiscard]] int exif_orientation(Bytes exif);

}  // namespace diptych::image
