#include "image/jpeg_markers.hpp"

#include <string>

#include "image/ifd.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

constexpr std::uint8_t kStartOfScan = 0xda;
constexpr std::uint8_t kEndOfImage = 0xd9;

// RST0-7, TEM and stuffed zeros: nothing follows that has a length.
constexpr bool stands_alone(std::uint8_t marker) noexcept {
  return marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}
constexpr bool is_frame(std::uint8_t marker) noexcept {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// The next marker at or behind `at`; `at` is left behind it. False at the end of the bytes.
bool next_marker(Bytes bytes, std::size_t& at, std::uint8_t& marker) noexcept {
  while (at < bytes.size()) {
    const void* const found = std::memchr(bytes.data() + at, 0xff, bytes.size() - at);
    if (found == nullptr) return false;
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes.data());
    while (at < bytes.size() && bytes[at] == 0xff) ++at;
    if (at >= bytes.size()) return false;
    marker = bytes[at++];
    if (marker != 0) return true;
  }
  return false;
}

Status cut(std::size_t size) {
  return Status::fail(Code::image_truncated,
                      "JPEG ends within its headers, after " + std::to_string(size) + " bytes");
}

Status read_frame(Bytes segment, JpegMarkers& markers) {
  if (segment.size() < 6)
    return Status::fail(Code::image_corrupt, "JPEG has a frame header that is too short");
  if (segment[0] != 8) {
    return Status::fail(Code::image_unsupported,
                        "JPEG has " + std::to_string(segment[0]) + "-bit samples; only 8-bit ones are read");
  }
  markers.height = be16(segment, 1);
  markers.width = be16(segment, 3);
  markers.components = segment[5];
  if (markers.components != 1 && markers.components != 3 && markers.components != 4) {
    return Status::fail(Code::image_unsupported, "JPEG has " + std::to_string(markers.components) +
                                                     " components; 1, 3 and 4 are read");
  }
  return Status::good();
}

}  // namespace

Status read_jpeg_markers(Bytes bytes, JpegMarkers& markers) {
  std::size_t at = 2;
  std::uint8_t marker = 0;
  bool has_exif = false;
  while (next_marker(bytes, at, marker)) {
    if (stands_alone(marker)) continue;
    if (marker == kEndOfImage) return Status::fail(Code::image_corrupt, "JPEG ends before any picture data");
    if (!has(bytes, at, 2)) return cut(bytes.size());
    const std::size_t length = be16(bytes, at);
    if (length < 2) return Status::fail(Code::image_corrupt, "JPEG has a segment of an impossible length");
    if (!has(bytes, at, length)) return cut(bytes.size());
    const Bytes segment = bytes.subspan(at + 2, length - 2);
    if (marker == kStartOfScan) {
      if (markers.components == 0)
        return Status::fail(Code::image_corrupt, "JPEG has a scan but no frame header");
      markers.scan_at = at;
      return Status::good();
    }
    if (is_frame(marker)) {
      if (Status status = read_frame(segment, markers); !status.ok()) return status;
    } else if (marker == 0xe1 && !has_exif && starts_with(segment, 0, {"Exif\0\0", 6})) {
      has_exif = true;
      markers.orientation = exif_orientation(segment);
    } else if (marker == 0xee && segment.size() >= 12 && starts_with(segment, 0, "Adobe")) {
      markers.adobe = true;
    }
    at += length;
  }
  return cut(bytes.size());
}

bool has_end_of_image(Bytes bytes, std::size_t from) noexcept {
  std::size_t at = from;
  std::uint8_t marker = 0;
  if (!has(bytes, at, 2)) return false;
  at += be16(bytes, at);
  while (next_marker(bytes, at, marker)) {
    if (marker == kEndOfImage) return true;
    if (stands_alone(marker)) continue;
    if (!has(bytes, at, 2)) return false;
    at += be16(bytes, at);
  }
  return false;
}

bool has_more_scans(Bytes bytes, std::size_t from, int most) noexcept {
  std::uint8_t marker = kStartOfScan;
  std::size_t at = from;
  int scans = 0;
  do {
    if (marker == kEndOfImage) return false;
    if (marker == kStartOfScan && ++scans > most) return true;
    if (stands_alone(marker)) continue;
    if (!has(bytes, at, 2)) return false;
    at += be16(bytes, at);
  } while (next_marker(bytes, at, marker));
  return false;
}

}  // namespace diptych::image
