// Interleaved 8-bit RGB -> three planes of floats, by the arithmetic of the official Python:
//
//   x = float32(double(pixel) * rescale)     (transformers' rescale; torchvision's pixel / 255 gives the
//   same) y = (x - float32(mean)) / float32(std)   (each step rounded to float32)
//
// A pixel has 256 values, so a table of 3 x 256 results is the definition; the reference kernel looks them
// up. The vector kernels compute them: a correctly rounded quotient n / d is q + (n - q d) r with r = 1 / d
// and q = n r, both steps fused (Markstein 1990). make_table() tries this on all 768 values and clears
// `computable` if one differs; the vector kernels then look up too. So every variant gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/cpu_features.hpp"
#include "kernels/dispatch.hpp"

namespace diptych::kernels::normalise {

enum class Element : std::uint8_t { float32, float16, bfloat16 };

struct Table {
  Element element = Element::float32;
  bool computable = false;
  float divisor = 255;  // 1 / rescale
  float inverse_divisor = 1;
  float mean[3] = {};
  float std[3] = {};
  float inverse_std[3] = {};
  float values[3][256] = {};
  std::uint16_t halves[3][256] =
      {};  // the values in `element`, rounded to nearest even, unless it is float32
};

// Fills a table. Not a kernel: call once per specification.
void make_table(double rescale, const double (&mean)[3], const double (&std)[3], Element element,
                Table& table) noexcept;

// Source: `pixels` x RGB, with 64 readable bytes behind. Target: three planes of `pixels` elements.
struct Work {
  const std::uint8_t* source = nullptr;
  std::size_t pixels = 0;
  void* planes[3] = {};
  const Table* table = nullptr;
};

struct Variant {
  std::string_view name;
  Family family;
  CpuFeatures needs;
  void (*run)(const Work& work) noexcept;
};

// Best first, reference last.
[[nodiscard]] std::span<const Variant> variants() noexcept;
[[nodiscard]] const Variant& active() noexcept;

extern const Variant reference;
#if defined(__x86_64__)
extern const Variant avx2;
extern const Variant avx512;
#elif defined(__aarch64__)
extern const Variant neon;
#endif

}  // namespace diptych::kernels::normalise
