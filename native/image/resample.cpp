#include "image/resample.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "image/colour.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

constexpr std::size_t kAlign = 64;

Status no_memory() {
  return Status::fail(Code::out_of_memory, "needs more memory for its resize than there is");
}

bool reserve(base::AlignedBuffer<std::uint8_t>& buffer, std::size_t stride, std::size_t rows) {
  std::size_t bytes = 0;
  return base::multiply(stride, rows, &bytes) && buffer.reserve(bytes + kernels::resize::kOverrun);
}

// Rows far enough apart for a kernel to write past each one's end.
std::size_t pass_stride(std::size_t width, std::size_t channels) {
  return (width * channels + kernels::resize::kOverrun + kAlign - 1) / kAlign * kAlign;
}

struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};

Range range_of(const AxisKey& key) {
  if (key.filter != Filter::nearest || key.from == key.to) {
    const auto axis = resample_axis(key);
    return {axis->source_begin, axis->source_end};
  }
  const auto sources = nearest_sources(key);
  const auto [least, most] = std::minmax_element(sources.begin(), sources.end());
  return {static_cast<std::size_t>(*least), static_cast<std::size_t>(*most) + 1};
}

// Pixel by pixel: nearest neighbour, and mirrored axes that are not resized.
bool gathers(const AxisKey& key) { return key.from == key.to ? key.mirrored : key.filter == Filter::nearest; }

std::vector<std::int32_t> gather_sources(const AxisKey& key, std::size_t source_begin) {
  std::vector<std::int32_t> sources = nearest_sources(key);
  for (auto& source : sources) source -= static_cast<std::int32_t>(source_begin);
  return sources;
}

// One pass along rows. `view` begins at the first source that the axis reads.
bool pass_x(const AxisKey& key, std::size_t source_begin, base::AlignedBuffer<std::uint8_t>& buffer,
            View& view) {
  if (key.from == key.to && !key.mirrored) return true;
  const std::size_t outputs = key.end - key.begin;
  const std::size_t stride = pass_stride(outputs, view.channels);
  if (!reserve(buffer, stride, view.height)) return false;
  if (gathers(key)) {
    const auto sources = gather_sources(key, source_begin);
    for (std::size_t y = 0; y < view.height; ++y) {
      const std::uint8_t* const from = view.pixels + y * view.stride;
      std::uint8_t* to = buffer.data() + y * stride;
      for (const std::int32_t source : sources) {
        to = std::copy_n(from + static_cast<std::size_t>(source) * view.channels, view.channels, to);
      }
    }
  } else {
    const auto axis = resample_axis(key);
    const auto rows = [&](const std::uint8_t* from, std::size_t begin, std::size_t end) {
      if (begin < end)
        kernels::resize::active().horizontal({from, view.stride, buffer.data() + begin * stride, stride,
                                              end - begin, view.channels, axis->taps(),
                                              axis->packed(view.channels)});
    };
    const std::size_t tail_row = std::min(view.tail_row, view.height);
    rows(view.pixels, 0, tail_row);
    rows(view.tail, tail_row, view.height);
  }
  view = {buffer.data(), stride, outputs, view.height, view.channels};
  return true;
}

// One pass along columns.
bool pass_y(const AxisKey& key, std::size_t source_begin, base::AlignedBuffer<std::uint8_t>& buffer,
            View& view) {
  if (key.from == key.to && !key.mirrored) return true;
  const std::size_t outputs = key.end - key.begin;
  const std::size_t bytes = view.width * view.channels;
  if (!reserve(buffer, bytes, outputs)) return false;
  if (gathers(key)) {
    std::uint8_t* to = buffer.data();
    for (const std::int32_t source : gather_sources(key, source_begin)) {
      std::memcpy(to, view.pixels + static_cast<std::size_t>(source) * view.stride, bytes);
      to += bytes;
    }
  } else {
    kernels::resize::active().vertical(
        {view.pixels, view.stride, buffer.data(), bytes, bytes, resample_axis(key)->taps()});
  }
  view = {buffer.data(), bytes, view.width, outputs, view.channels};
  return true;
}

// Both passes in one kernel, where the active one has such: false when it has not.
bool fused(const AxisPair& axes, PassBuffers buffers, View& view, Status& status) {
  const kernels::resize::Both* const both = kernels::resize::active().both;
  const auto resampled = [](const AxisKey& key) {
    return key.from != key.to && key.filter != Filter::nearest;
  };
  if (both == nullptr || view.channels != 3 || axes.columns_first || !resampled(axes.x) || !resampled(axes.y))
    return false;
  const auto x = resample_axis(axes.x);
  const auto y = resample_axis(axes.y);
  const std::size_t stride = 3 * x->outputs();
  if (!reserve(buffers.first, 1, both->between_size(x->outputs(), view.height)) ||
      !reserve(buffers.second, stride, y->outputs())) {
    status = no_memory();
    return true;
  }
  both->run({view.pixels, view.stride, view.height, view.tail, view.tail_row, buffers.second.data(), stride,
             x->taps(), y->taps(), x->packed_rows(*both), y->packed_columns(*both),
             reinterpret_cast<std::byte*>(buffers.first.data())});
  view = {buffers.second.data(), stride, x->outputs(), y->outputs(), 3};
  return true;
}

template <class T>
T rounded(double sum) noexcept {
  const double nearest = sum >= 0.0 ? sum + 0.5f : sum - 0.5f;
  if constexpr (std::is_same_v<T, float>) return static_cast<float>(sum);
  if constexpr (std::is_same_v<T, std::uint16_t>) {
    return static_cast<std::uint16_t>(std::clamp(std::trunc(nearest), 0.0, 65535.0));
  }
  if constexpr (std::is_same_v<T, std::int32_t>) {
    // What does not fit becomes the smallest number, as x86's conversion in Pillow has it.
    const bool fits = nearest > -2147483649.0 && nearest < 2147483648.0;
    return fits ? static_cast<std::int32_t>(nearest) : std::numeric_limits<std::int32_t>::min();
  }
}

// A plane of single samples, owned.
template <class T>
struct Plane {
  std::vector<T> samples;
  std::size_t width = 0;
  std::size_t height = 0;
};

// One axis over a plane, in doubles, summed in the order of the taps. `step` is the distance between
// neighbours along the axis, `across` the one between its lines.
template <class T>
void resample_lines(const AxisKey& key, std::size_t source_begin, std::size_t lines, const T* from,
                    std::size_t from_step, std::size_t from_across, T* to, std::size_t to_step,
                    std::size_t to_across) {
  const std::size_t outputs = key.end - key.begin;
  if (gathers(key) || key.from == key.to) {
    const auto sources = gather_sources(key, source_begin);
    for (std::size_t line = 0; line < lines; ++line) {
      for (std::size_t i = 0; i < outputs; ++i) {
        to[line * to_across + i * to_step] =
            from[line * from_across + static_cast<std::size_t>(sources[i]) * from_step];
      }
    }
    return;
  }
  const auto axis = resample_axis(key);
  for (std::size_t line = 0; line < lines; ++line) {
    for (std::size_t i = 0; i < outputs; ++i) {
      const double* const weights = axis->weights.data() + i * axis->stride;
      const T* source = from + line * from_across + static_cast<std::size_t>(axis->first[i]) * from_step;
      double sum = 0.0;
      for (std::int32_t tap = 0; tap < axis->counts[i]; ++tap, source += from_step)
        sum += *source * weights[tap];
      to[line * to_across + i * to_step] = rounded<T>(sum);
    }
  }
}

template <class T>
void resample_x(const AxisKey& key, std::size_t source_begin, Plane<T>& plane) {
  const std::size_t outputs = key.end - key.begin;
  Plane<T> next{std::vector<T>(outputs * plane.height), outputs, plane.height};
  resample_lines(key, source_begin, plane.height, plane.samples.data(), 1, plane.width, next.samples.data(),
                 1, outputs);
  plane = std::move(next);
}

template <class T>
void resample_y(const AxisKey& key, std::size_t source_begin, Plane<T>& plane) {
  const std::size_t outputs = key.end - key.begin;
  Plane<T> next{std::vector<T>(outputs * plane.width), plane.width, outputs};
  resample_lines(key, source_begin, plane.width, plane.samples.data(), plane.width, 1, next.samples.data(),
                 plane.width, 1);
  plane = std::move(next);
}

template <class T>
Status resample_plane(const Picture& picture, const AxisPair& axes, PassBuffers buffers, View& result) {
  const Range columns = range_of(axes.x);
  const Range rows = range_of(axes.y);
  Plane<T> plane{{}, columns.end - columns.begin, rows.end - rows.begin};
  plane.samples.resize(plane.width * plane.height);
  for (std::size_t y = 0; y < plane.height; ++y) {
    std::memcpy(plane.samples.data() + y * plane.width,
                picture.pixels + (rows.begin + y) * picture.stride + columns.begin * sizeof(T),
                plane.width * sizeof(T));
  }
  if (axes.columns_first) resample_y(axes.y, rows.begin, plane);
  resample_x(axes.x, columns.begin, plane);
  if (!axes.columns_first) resample_y(axes.y, rows.begin, plane);

  if (!reserve(buffers.first, 3 * plane.width, plane.height)) return no_memory();
  to_rgb(picture.mode, reinterpret_cast<const std::uint8_t*>(plane.samples.data()), plane.samples.size(),
         buffers.first.data());
  result = {buffers.first.data(), 3 * plane.width, plane.width, plane.height, 3};
  return Status::good();
}

}  // namespace

Region needed_region(const AxisPair& axes) {
  const Range columns = range_of(axes.x);
  const Range rows = range_of(axes.y);
  return {columns.begin, rows.begin, columns.end - columns.begin, rows.end - rows.begin};
}

Status resample(const Picture& picture, const AxisPair& axes, PassBuffers buffers, View& result) {
  const Region need = needed_region(axes);
  const std::size_t channels = channels_of(picture.mode);
  const std::size_t left = need.left - picture.region.left;
  const std::size_t top = need.top - picture.region.top;
  result = {picture.pixels + top * picture.stride + left * channels, picture.stride, need.width, need.height,
            channels};
  if (picture.tail != nullptr) {
    const std::size_t row = std::max(picture.tail_row, need.top);
    result.tail = picture.tail + (row - picture.tail_row) * picture.stride + left * channels;
    result.tail_row = row - need.top;
  }
  Status status = Status::good();
  if (fused(axes, buffers, result, status)) return status;
  const bool good = axes.columns_first ? pass_y(axes.y, need.top, buffers.first, result) &&
                                             pass_x(axes.x, need.left, buffers.second, result)
                                       : pass_x(axes.x, need.left, buffers.first, result) &&
                                             pass_y(axes.y, need.top, buffers.second, result);
  return good ? Status::good() : no_memory();
}

Status resample_wide(const Picture& picture, const AxisPair& axes, PassBuffers buffers, View& result) {
  switch (picture.mode) {
    case Mode::gray16:
      return resample_plane<std::uint16_t>(picture, axes, buffers, result);
    case Mode::int32:
      return resample_plane<std::int32_t>(picture, axes, buffers, result);
    default:
      return resample_plane<float>(picture, axes, buffers, result);
  }
}

}  // namespace diptych::image
