// What to do with a picture, as plain numbers: src/image/spec.ts says what each means.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/deadline.hpp"
#include "image/resize_plan.hpp"

namespace diptych::image {

enum class ResizeMode : std::uint8_t { shortest, squash, longest };
enum class CropRounding : std::uint8_t { floor, half_even };
// keep: the colours as they are; white: the one transparent colour becomes white; blend: every alpha is laid
// on white.
enum class Transparency : std::uint8_t { keep, white, blend };
enum class Output : std::uint8_t { uint8_nhwc, float32_nchw, float16_nchw, bfloat16_nchw };

struct Spec {
  std::size_t height = 224;
  std::size_t width = 224;
  ResizeMode resize_mode = ResizeMode::shortest;
  std::size_t resize_height = 224;
  std::size_t resize_width = 224;
  Filter filter = Filter::bicubic;
  bool center_crop = true;
  CropRounding crop_rounding = CropRounding::floor;
  bool rgb_after = false;  // resize in the file's own mode, convert to RGB last
  Transparency transparency = Transparency::keep;
  std::array<std::uint8_t, 3> fill{};
  bool orient = false;
  bool icc = false;  // convert to sRGB by the embedded profile, first of all
};

struct Options {
  std::uint64_t max_pixels = 178956970;  // Pillow's limit for an error: 2 x 89478485
  std::uint64_t max_bytes = std::uint64_t{1} << 30;
  bool fast = false;             // DCT-scaled JPEG decoding
  bool allow_truncated = false;  // keep what is there of a truncated picture
  base::Deadline deadline;       // of this picture
};

}  // namespace diptych::image
