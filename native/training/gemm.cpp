#include "training/gemm.hpp"

#include <algorithm>
#include <cstring>

namespace diptych::training {

using kernels::linear::Variant;

namespace {

// Rows first .. first + depth of b, columns at .. at + width, into `to`.
void pack_panel(Strided b, std::size_t first, std::size_t depth, std::size_t at, std::size_t columns,
                std::size_t width, float* to) noexcept {
  const std::size_t filled = std::min(width, columns - at);
  for (std::size_t k = 0; k < depth; ++k) {
    const float* from = b.data + (first + k) * b.row + at * b.column;
    float* row = to + k * width;
    if (b.column == 1) {
      std::memcpy(row, from, filled * sizeof(float));
    } else {
      for (std::size_t j = 0; j < filled; ++j) row[j] = from[j * b.column];
    }
    std::fill(row + filled, row + width, 0.0f);
  }
}

}  // namespace

bool Panels::pack(const Variant& kernel, Strided b, std::size_t depth, std::size_t columns) noexcept {
  const std::size_t panels = (columns + kernel.width - 1) / kernel.width;
  std::size_t count = 0;
  if (!base::multiply(panels * kernel.width, depth, &count) ||
      !data_.reserve(std::max<std::size_t>(count, 1)))
    return false;
  depth_ = depth;
  columns_ = columns;
  float* to = data_.data();
  for (std::size_t first = 0; first < depth; first += kDepth) {
    const std::size_t part = std::min(kDepth, depth - first);
    for (std::size_t panel = 0; panel < panels; ++panel) {
      pack_panel(b, first, part, panel * kernel.width, columns, kernel.width, to);
      to += part * kernel.width;
    }
  }
  return true;
}

void multiply(const Variant& kernel, Strided a, std::size_t rows, const Panels& b, std::size_t first,
              std::size_t columns, float* out, std::size_t out_row, bool add) noexcept {
  alignas(64) float tile[kernels::linear::kMostTile];
  const std::size_t width = kernel.width;
  const std::size_t panels = (b.columns_ + width - 1) / width;
  if (b.depth_ == 0 && !add) {
    for (std::size_t i = 0; i < rows; ++i) std::fill_n(out + i * out_row, columns, 0.0f);
  }
  for (std::size_t from = 0; from < b.depth_; from += kDepth) {
    const std::size_t part = std::min(kDepth, b.depth_ - from);
    const float* block = b.data_.data() + from * panels * width;
    for (std::size_t at = 0; at < columns; at += width) {
      const float* panel = block + (first + at) / width * part * width;
      const std::size_t filled = std::min(width, columns - at);
      for (std::size_t i = 0; i < rows; i += kernel.tile_rows) {
        const std::size_t some = std::min(kernel.tile_rows, rows - i);
        kernel.tile(some, part, a.data + i * a.row + from * a.column, a.row, a.column, panel, width, tile);
        for (std::size_t r = 0; r < some; ++r) {
          float* to = out + (i + r) * out_row + at;
          const float* sums = tile + r * width;
          if (add || from > 0) {
            for (std::size_t j = 0; j < filled; ++j) to[j] += sums[j];
          } else {
            std::memcpy(to, sums, filled * sizeof(float));
          }
        }
      }
    }
  }
}

}  // namespace diptych::training
