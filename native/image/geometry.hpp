// Where the pixels of the output come from: sizes, crop and padding of the official Python, as whole numbers.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/status.hpp"
#include "image/spec.hpp"

namespace diptych::image {

// One axis of the oriented picture: it is resized to `resized`, of which [begin, end) is put at `place` of
// the output; the rest of the output's `size` is filled.
struct Extent {
  std::size_t resized = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t place = 0;
};

struct Geometry {
  Extent x;
  Extent y;
};

// For a picture of `width` x `height` (after its orientation). IMAGE_SIZE when a side would become 0.
base::Status plan_geometry(const Spec& spec, std::size_t width, std::size_t height, Geometry& geometry);

}  // namespace diptych::image
