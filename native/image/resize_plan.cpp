#include "image/resize_plan.hpp"

#include <algorithm>
#include <cmath>
#include <list>
#include <new>
#include <numbers>

namespace diptych::image {
namespace {

// The filters of python-pillow, src/libImaging/Resample.c. The 0.54 and 0.46 of the Hamming window are floats
// there too.
double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }
double bilinear(double x) { return std::max(0.0, 1.0 - std::fabs(x)); }

double hamming(double x) {
  x = std::fabs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}
double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Kernel {
  double (*value)(double);
  double support;
};

Kernel kernel_of(Filter filter) {
  switch (filter) {
    case Filter::box:
      return {box, 0.5};
    case Filter::bilinear:
      return {bilinear, 1.0};
    case Filter::hamming:
      return {hamming, 1.0};
    case Filter::lanczos:
      return {lanczos, 3.0};
    case Filter::bicubic:
    case Filter::nearest:
      break;
  }
  return {bicubic, 2.0};
}

std::int32_t fixed_point(double weight) {
  constexpr double one = 1 << kernels::resize::kPrecisionBits;
  return static_cast<std::int32_t>((weight < 0 ? -0.5 : 0.5) + weight * one);
}

void compute(Axis& axis) {
  const AxisKey& key = axis.key;
  const Kernel kernel = kernel_of(key.filter);
  const double scale = static_cast<double>(key.from) / static_cast<double>(key.to);
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel.support * filter_scale;
  const double inverse = 1.0 / filter_scale;
  axis.stride = std::min(key.from, static_cast<std::size_t>(std::ceil(support)) * 2 + 1);
  axis.first.resize(axis.outputs());
  axis.counts.resize(axis.outputs());
  axis.coefficients.assign(axis.outputs() * axis.stride, 0);
  axis.weights.assign(axis.outputs() * axis.stride, 0.0);

  const auto from = static_cast<std::int64_t>(key.from);
  for (std::size_t i = 0; i < axis.outputs(); ++i) {
    const double centre = (static_cast<double>(key.begin + i) + 0.5) * scale;
    const auto begin = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - support + 0.5));
    const auto end = std::min(from, static_cast<std::int64_t>(centre + support + 0.5));
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(0, end - begin));
    double* const weights = axis.weights.data() + i * axis.stride;
    double sum = 0.0;
    for (std::size_t tap = 0; tap < count; ++tap) {
      weights[tap] = kernel.value(
          (static_cast<double>(begin + static_cast<std::int64_t>(tap)) - centre + 0.5) * inverse);
      sum += weights[tap];
    }
    if (sum != 0.0) {
      for (std::size_t tap = 0; tap < count; ++tap) weights[tap] /= sum;
    }
    axis.first[i] = static_cast<std::int32_t>(begin);
    axis.counts[i] = static_cast<std::int32_t>(count);
    if (key.mirrored) {
      axis.first[i] = static_cast<std::int32_t>(from - end);
      std::reverse(weights, weights + count);
    }
    std::transform(weights, weights + count, axis.coefficients.data() + i * axis.stride, fixed_point);
  }
}

void find_sources(Axis& axis) {
  std::int32_t begin = axis.first.front();
  std::int32_t end = begin;
  for (std::size_t i = 0; i < axis.outputs(); ++i) {
    begin = std::min(begin, axis.first[i]);
    end = std::max(end, axis.first[i] + axis.counts[i]);
  }
  for (auto& first : axis.first) first -= begin;
  axis.source_begin = static_cast<std::size_t>(begin);
  axis.source_end = static_cast<std::size_t>(end);
}

const std::byte* pack_once(base::AlignedBuffer<std::byte>& buffer, const auto& size, const auto& pack) {
  if (buffer.data() == nullptr) {
    if (!buffer.reserve(std::max<std::size_t>(1, size()))) throw std::bad_alloc();
    pack(buffer.data());
  }
  return buffer.data();
}

}  // namespace

kernels::resize::Taps Axis::taps() const noexcept {
  return {outputs(), stride, first.data(), counts.data(), coefficients.data()};
}

const std::byte* Axis::packed(std::size_t channels) {
  const auto& kernel = kernels::resize::active();
  return pack_once(
      packed_[channels - 1], [&] { return kernel.packed_size(taps(), channels); },
      [&](std::byte* packed) { kernel.pack_horizontal(taps(), channels, packed); });
}

const std::byte* Axis::packed_rows(const kernels::resize::Both& both) {
  return pack_once(
      packed_rows_, [&] { return both.packed_rows_size(taps()); },
      [&](std::byte* packed) { both.pack_rows(taps(), packed); });
}

const std::byte* Axis::packed_columns(const kernels::resize::Both& both) {
  return pack_once(
      packed_columns_, [&] { return both.packed_columns_size(taps()); },
      [&](std::byte* packed) { both.pack_columns(taps(), packed); });
}

std::shared_ptr<Axis> resample_axis(const AxisKey& key) {
  // Pictures of a set often share few sizes; beyond that the weights cost far less than the decoding.
  constexpr std::size_t kCached = 16;
  thread_local std::list<std::shared_ptr<Axis>> cache;
  const auto found =
      std::find_if(cache.begin(), cache.end(), [&](const auto& axis) { return axis->key == key; });
  if (found != cache.end()) {
    cache.splice(cache.begin(), cache, found);
    return cache.front();
  }
  auto axis = std::make_shared<Axis>();
  axis->key = key;
  if (key.from == key.to) {
    axis->identity = true;
    axis->source_begin = key.mirrored ? key.from - key.end : key.begin;
    axis->source_end = key.mirrored ? key.from - key.begin : key.end;
  } else {
    compute(*axis);
    find_sources(*axis);
  }
  cache.push_front(axis);
  if (cache.size() > kCached) cache.pop_back();
  return axis;
}

std::vector<std::int32_t> nearest_sources(const AxisKey& key) {
  const double scale = static_cast<double>(key.from) / static_cast<double>(key.to);
  std::vector<std::int32_t> sources;
  sources.reserve(key.end - key.begin);
  double sum = scale * 0.5;
  for (std::size_t i = 0; i < key.end; ++i, sum += scale) {
    if (i < key.begin) continue;
    const double at = key.multiplied ? (static_cast<double>(i) + 0.5) * scale : sum;
    const std::size_t source = std::min(static_cast<std::size_t>(at), key.from - 1);
    sources.push_back(static_cast<std::int32_t>(key.mirrored ? key.from - 1 - source : source));
  }
  return sources;
}

}  // namespace diptych::image
