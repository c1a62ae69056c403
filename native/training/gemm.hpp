// Matrix products for training, on the calling thread: callers split the rows among threads.
#pragma once

#include <cstddef>

#include "base/aligned_buffer.hpp"
#include "kernels/linear/kernel.hpp"

namespace diptych::training {

// Longest sum that one float32 accumulator takes.
inline constexpr std::size_t kDepth = 512;

// Element (i, j) is data[i * row + j * column]: a transposed matrix is the same memory with the two swapped.
struct Strided {
  const float* data;
  std::size_t row;
  std::size_t column;
};

// B of a product, copied once into zero-padded panels of the kernel's width, kDepth rows at a time.
class Panels {
 public:
  // b is depth x columns. False when memory is not to be had.
  [[nodiscard]] bool pack(const kernels::linear::Variant& kernel, Strided b, std::size_t depth,
                          std::size_t columns) noexcept;
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
  [[nodiscard]] std::size_t columns() const noexcept { return columns_; }

 private:
  friend void multiply(const kernels::linear::Variant& kernel, Strided a, std::size_t rows, const Panels& b,
                       std::size_t first, std::size_t columns, float* out, std::size_t out_row,
                       bool add) noexcept;
  base::AlignedBuffer<float> data_;
  std::size_t depth_ = 0;
  std::size_t columns_ = 0;
};

// out[rows x columns] = (or +=, with `add`) a[rows x depth] * b[:, first .. first + columns). `first` must be
// a multiple of the kernel's width. Sums beyond kDepth are added in float32, block after block.
void multiply(const kernels::linear::Variant& kernel, Strided a, std::size_t rows, const Panels& b,
              std::size_t first, std::size_t columns, float* out, std::size_t out_row, bool add) noexcept;

}  // namespace diptych::training
