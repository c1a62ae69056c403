// Pillow's resampling of 8-bit pictures, one axis at a time (python-pillow, src/libImaging/Resample.c).
//
//   out[i] = clip8((2^21 + sum over t < counts[i] of coefficients[i][t] * in[first[i] + t]) >> 22)
//
// in 32-bit integers that wrap, so every order of summation gives the same bits: all variants are exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/cpu_features.hpp"
#include "kernels/dispatch.hpp"

namespace diptych::kernels::resize {

inline constexpr int kPrecisionBits = 32 - 8 - 2;
inline constexpr std::int32_t kLargest = (1 << 23) - (1 << 16);
// Bytes behind the last one of a source that a variant may read (what is there does not matter) ...
inline constexpr std::size_t kReadOverrun = 256;
// ... and behind a row of a destination that it may write along rows (what it writes there is undefined):
// rows of a destination must be at least this far apart.
inline constexpr std::size_t kOverrun = 64;

// One axis: for each output, where its taps begin, how many there are, and their 22-bit weights. Every
// coefficient is within -kLargest to kLargest (Pillow's are below 2^22 x 1.5). `stride` is the largest count.
struct Taps {
  std::size_t outputs = 0;
  std::size_t stride = 0;
  const std::int32_t* first = nullptr;
  const std::int32_t* counts = nullptr;
  const std::int32_t* coefficients = nullptr;  // [outputs][stride], zero behind an output's count
};

// Rows of interleaved pixels of 1 to 4 channels; outputs are pixels of a row.
struct Horizontal {
  const std::uint8_t* source = nullptr;
  std::size_t source_stride = 0;
  std::uint8_t* target = nullptr;
  std::size_t target_stride = 0;
  std::size_t rows = 0;
  std::size_t channels = 0;
  Taps taps;
  const std::byte* packed =
      nullptr;  // what the variant's `pack_horizontal` wrote for these taps and channels
};

// Columns of bytes; outputs are rows. Channels do not matter: `bytes` is the length of a row.
struct Vertical {
  const std::uint8_t* source = nullptr;
  std::size_t source_stride = 0;
  std::uint8_t* target = nullptr;
  std::size_t target_stride = 0;
  std::size_t bytes = 0;
  Taps taps;
};

// Both axes of an RGB picture, rows first.
struct Fused {
  const std::uint8_t* source = nullptr;  // at the first sample that any tap reads
  std::size_t source_stride = 0;
  std::size_t rows = 0;  // of the source
  // Rows from `tail_row` on are here instead: the end of a source behind which nothing may be read.
  const std::uint8_t* tail = nullptr;
  std::size_t tail_row = 0;
  std::uint8_t* target = nullptr;
  std::size_t target_stride = 0;
  Taps x;
  Taps y;
  const std::byte* packed_rows = nullptr;
  const std::byte* packed_columns = nullptr;
  std::byte* between = nullptr;  // between_size() bytes for what the first pass leaves to the second
};

// What a variant has to say of both passes at once, where that is faster than one after the other.
struct Both {
  std::size_t (*packed_rows_size)(const Taps& x) noexcept;
  void (*pack_rows)(const Taps& x, std::byte* packed) noexcept;
  std::size_t (*packed_columns_size)(const Taps& y) noexcept;
  void (*pack_columns)(const Taps& y, std::byte* packed) noexcept;
  std::size_t (*between_size)(std::size_t outputs, std::size_t rows) noexcept;
  void (*run)(const Fused& work) noexcept;
};

struct Variant {
  std::string_view name;
  Family family;
  CpuFeatures needs;
  // Bytes of the variant's own form of the coefficients (64-byte aligned); 0 when it needs none.
  std::size_t (*packed_size)(const Taps& taps, std::size_t channels) noexcept;
  void (*pack_horizontal)(const Taps& taps, std::size_t channels, std::byte* packed) noexcept;
  void (*horizontal)(const Horizontal& work) noexcept;
  void (*vertical)(const Vertical& work) noexcept;
  const Both* both = nullptr;
};

// Best first, reference last.
[[nodiscard]] std::span<const Variant> variants() noexcept;
[[nodiscard]] const Variant& active() noexcept;

// The variants, each defined in the file of its name.
extern const Variant reference;
#if defined(__x86_64__)
extern const Variant avx2;
extern const Variant avx512;
extern const Variant avx512_vnni;
extern const Variant avx512_vbmi;
#elif defined(__aarch64__)
extern const Variant neon;
#endif

}  // namespace diptych::kernels::resize
