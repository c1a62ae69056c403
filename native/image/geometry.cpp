#include "image/geometry.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

// Python's round(): to nearest, halves to even. The default rounding mode does just that.
std::size_t round_even(double value) { return static_cast<std::size_t>(std::nearbyint(value)); }

// torchvision's Resize(n) and transformers' shortest_edge: the longer side is truncated.
std::size_t long_side(std::size_t target, std::size_t longer, std::size_t shorter) {
  return static_cast<std::size_t>(static_cast<double>(target * longer) / static_cast<double>(shorter));
}

void resized_size(const Spec& spec, std::size_t width, std::size_t height, Geometry& geometry) {
  if (spec.resize_mode == ResizeMode::squash) {
    geometry.x.resized = spec.resize_width;
    geometry.y.resized = spec.resize_height;
    return;
  }
  if (spec.resize_mode == ResizeMode::shortest && spec.resize_height == spec.resize_width) {
    const std::size_t target = spec.resize_width;
    geometry.x.resized = width <= height ? target : long_side(target, width, height);
    geometry.y.resized = width <= height ? long_side(target, height, width) : target;
    return;
  }
  // open_clip's ResizeKeepRatio: the larger ratio keeps all within the target, the smaller one covers it.
  const double ratio_x = static_cast<double>(width) / static_cast<double>(spec.resize_width);
  const double ratio_y = static_cast<double>(height) / static_cast<double>(spec.resize_height);
  const double ratio =
      spec.resize_mode == ResizeMode::longest ? std::max(ratio_x, ratio_y) : std::min(ratio_x, ratio_y);
  geometry.x.resized = round_even(static_cast<double>(width) / ratio);
  geometry.y.resized = round_even(static_cast<double>(height) / ratio);
}

// transformers' center_crop pads and crops around floor((size - crop) / 2); torchvision's rounds the crop's
// offset half to even and pads floor((crop - size) / 2) in front.
void place(Extent& extent, std::size_t size, CropRounding rounding) {
  if (extent.resized >= size) {
    const std::size_t spare = extent.resized - size;
    extent.begin = rounding == CropRounding::floor ? spare / 2 : round_even(static_cast<double>(spare) / 2.0);
    extent.end = extent.begin + size;
    extent.place = 0;
  } else {
    const std::size_t missing = size - extent.resized;
    extent.begin = 0;
    extent.end = extent.resized;
    extent.place = rounding == CropRounding::floor ? (missing + 1) / 2 : missing / 2;
  }
}

}  // namespace

Status plan_geometry(const Spec& spec, std::size_t width, std::size_t height, Geometry& geometry) {
  resized_size(spec, width, height, geometry);
  if (geometry.x.resized == 0 || geometry.y.resized == 0) {
    return Status::fail(Code::image_size,
                        "is " + std::to_string(width) + " x " + std::to_string(height) +
                            " pixels: so narrow that the resize would leave nothing of one side");
  }
  // Rows of a thin picture may become very long: the part that is kept is all that is computed, but the sums
  // over it are done in 32 bits.
  constexpr std::size_t kLongest = std::size_t{1} << 30;
  if (geometry.x.resized > kLongest || geometry.y.resized > kLongest) {
    return Status::fail(Code::image_size, "is " + std::to_string(width) + " x " + std::to_string(height) +
                                              " pixels: so narrow that the resize would make it too long");
  }
  // Padding of `longest` is torchvision's, whatever the crop's rounding.
  const CropRounding rounding =
      spec.resize_mode == ResizeMode::longest ? CropRounding::half_even : spec.crop_rounding;
  if (spec.center_crop || spec.resize_mode == ResizeMode::longest) {
    place(geometry.x, spec.width, rounding);
    place(geometry.y, spec.height, rounding);
    return Status::good();
  }
  if (geometry.x.resized != spec.width || geometry.y.resized != spec.height) {
    return Status::fail(Code::image_size,
                        "becomes " + std::to_string(geometry.x.resized) + " x " +
                            std::to_string(geometry.y.resized) + " pixels, not " +
                            std::to_string(spec.width) + " x " + std::to_string(spec.height) +
                            ": without centerCrop only resizeMode squash gives one size for all pictures");
  }
  geometry.x = {spec.width, 0, spec.width, 0};
  geometry.y = {spec.height, 0, spec.height, 0};
  return Status::good();
}

}  // namespace diptych::image
