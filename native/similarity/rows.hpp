// Rows as the caller has them: row-major, in any of four element types, every value exactly a float.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.hpp"

namespace diptych::similarity {

enum class DType : std::uint8_t { float32, float16, bfloat16, int8 };
enum class Metric : std::uint8_t { cosine, dot };
// exact: float64's answer, by proof. The others: that arithmetic's scores, within the error docs/exactness.md
// states.
enum class Precision : std::uint8_t { exact, fp32, bf16, int8 };

[[nodiscard]] constexpr std::size_t element_size(DType type) noexcept {
  switch (type) {
    case DType::float32:
      return 4;
    case DType::float16:
    case DType::bfloat16:
      return 2;
    case DType::int8:
      return 1;
  }
  return 4;
}

struct Rows {
  const std::byte* data = nullptr;
  DType type = DType::float32;
  std::size_t rows = 0;
  std::size_t dim = 0;

  [[nodiscard]] std::size_t stride() const noexcept { return dim * element_size(type); }
  [[nodiscard]] const std::byte* at(std::size_t row) const noexcept { return data + row * stride(); }
  // Row `row` as floats: in place, or converted into `scratch` (dim floats).
  [[nodiscard]] const float* floats(std::size_t row, float* scratch) const noexcept;
};

// `count` elements to float, exactly.
void widen(const std::byte* from, DType type, std::size_t count, float* to) noexcept;

// To the nearest bfloat16, ties to even; the value must be finite.
[[nodiscard]] inline std::uint16_t to_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace diptych::similarity
