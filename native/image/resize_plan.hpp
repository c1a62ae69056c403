// What a resize of one axis needs, computed once per (from, to, filter, part) and thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "kernels/resize/kernel.hpp"

namespace diptych::image {

enum class Filter : std::uint8_t { nearest, box, bilinear, hamming, bicubic, lanczos };

// `from` samples to `to`, of which the outputs [begin, end) are wanted. `mirrored`: the samples are stored in
// reverse (an EXIF orientation), so that output i reads where output to-1-i of the stored picture would.
struct AxisKey {
  std::size_t from = 0;
  std::size_t to = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  Filter filter = Filter::bicubic;
  bool mirrored = false;
  // Nearest neighbour: Pillow adds the steps up (Geometry.c, ImagingScaleAffine), but multiplies for pictures
  // of 16 bits (ImagingGenericTransform); the rounding errors differ.
  bool multiplied = false;
  bool operator==(const AxisKey&) const = default;
};

// Pillow's weights of the axis. Sources are counted in stored order.
struct Axis {
  AxisKey key;
  // Sources that any wanted output reads: [source_begin, source_end).
  std::size_t source_begin = 0;
  std::size_t source_end = 0;
  std::size_t stride = 0;
  std::vector<std::int32_t> first;  // relative to source_begin
  std::vector<std::int32_t> counts;
  std::vector<std::int32_t> coefficients;  // [outputs][stride], 22-bit fixed point
  std::vector<double> weights;             // the same before rounding: for 16- and 32-bit pictures
  // No resampling at all: Pillow skips an axis whose size stays (the weights would be 1 or near it).
  bool identity = false;

  [[nodiscard]] std::size_t outputs() const noexcept { return key.end - key.begin; }
  [[nodiscard]] kernels::resize::Taps taps() const noexcept;
  // The active kernel's form of the coefficients for pictures of `channels` channels, made at the first call.
  [[nodiscard]] const std::byte* packed(std::size_t channels);
  // The same for a kernel that does both passes at once: this axis along rows, or along columns.
  [[nodiscard]] const std::byte* packed_rows(const kernels::resize::Both& both);
  [[nodiscard]] const std::byte* packed_columns(const kernels::resize::Both& both);

 private:
  base::AlignedBuffer<std::byte> packed_[4];
  base::AlignedBuffer<std::byte> packed_rows_;
  base::AlignedBuffer<std::byte> packed_columns_;
};

// From this thread's cache, or computed. Throws std::bad_alloc.
[[nodiscard]] std::shared_ptr<Axis> resample_axis(const AxisKey& key);

// Pillow's nearest neighbour: the stored source of each wanted output.
[[nodiscard]] std::vector<std::int32_t> nearest_sources(const AxisKey& key);

}  // namespace diptych::image
