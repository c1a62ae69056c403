// JPEG's marker segments, as far as they say something about the picture.
#pragma once

#include <cstddef>

#include "base/status.hpp"
#include "image/bytes.hpp"

namespace diptych::image {

struct JpegMarkers {
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t components = 0;
  int orientation = 1;
  bool adobe = false;       // has Adobe's segment
  std::size_t scan_at = 0;  // where the first scan's header begins
};

// Reads up to the first scan.
base::Status read_jpeg_markers(Bytes bytes, JpegMarkers& markers);

// Whether an end-of-image marker follows at or behind `from` (a scan's header), outside of other segments.
// Looked for only when the decoder complained: it cannot tell an early end from damaged data.
[[nodiscard]] bool has_end_of_image(Bytes bytes, std::size_t from) noexcept;

// Whether more than `most` scans begin at or behind `from` (the first one's header).
[[nodiscard]] bool has_more_scans(Bytes bytes, std::size_t from, int most) noexcept;

}  // namespace diptych::image
