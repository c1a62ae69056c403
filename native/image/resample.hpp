// The two passes over a picture's pixels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/aligned_buffer.hpp"
#include "base/status.hpp"
#include "image/picture.hpp"
#include "image/resize_plan.hpp"

namespace diptych::image {

// Interleaved 8-bit pixels; kernels::resize::kReadOverrun readable bytes follow the last row.
struct View {
  const std::uint8_t* pixels = nullptr;
  std::size_t stride = 0;
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t channels = 0;
  // Rows from `tail_row` on are here instead (see Picture).
  const std::uint8_t* tail = nullptr;
  std::size_t tail_row = std::numeric_limits<std::size_t>::max();
};

// Both axes in the picture's stored order; the first key is along rows. `columns_first` is Pillow's order for
// a picture that its orientation transposes (there, rows are what columns are here).
struct AxisPair {
  AxisKey x;
  AxisKey y;
  bool columns_first = false;
};

struct PassBuffers {
  base::AlignedBuffer<std::uint8_t>& first;
  base::AlignedBuffer<std::uint8_t>& second;
};

// What of a picture the resize reads.
[[nodiscard]] Region needed_region(const AxisPair& axes);

// Resizes an 8-bit picture. `result` points into the picture or into one of the buffers.
base::Status resample(const Picture& picture, const AxisPair& axes, PassBuffers buffers, View& result);

// The same for modes of 16 and 32 bits, in double precision as Pillow does it; the result is RGB, clipped.
base::Status resample_wide(const Picture& picture, const AxisPair& axes, PassBuffers buffers, View& result);

}  // namespace diptych::image
