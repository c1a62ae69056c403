#include "similarity/rows.hpp"

#include <bit>
#include <cstring>

namespace diptych::similarity {
namespace {

// IEEE half to float, exactly; written with integers, so that it needs no F16C.
float from_half(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t rest = half & 0x7fffu;
  if (rest >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((rest & 0x3ffu) << 13));
  if (rest >= 0x0400u) return std::bit_cast<float>(sign | ((rest << 13) + (112u << 23)));
  const float small = static_cast<float>(rest) * 0x1p-24f;
  return (sign != 0) ? -small : small;
}

template <class T, class Convert>
void each(const std::byte* from, std::size_t count, float* to, Convert convert) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    to[i] = convert(value);
  }
}

}  // namespace

void widen(const std::byte* from, DType type, std::size_t count, float* to) noexcept {
  switch (type) {
    case DType::float32:
      if (count > 0) std::memcpy(to, from, count * sizeof(float));
      return;
    case DType::float16:
      each<std::uint16_t>(from, count, to, from_half);
      return;
    case DType::bfloat16:
      each<std::uint16_t>(from, count, to, [](std::uint16_t v) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(v) << 16);
      });
      return;
    case DType::int8:
      each<std::int8_t>(from, count, to, [](std::int8_t v) { return static_cast<float>(v); });
      return;
  }
}

const float* Rows::floats(std::size_t row, float* scratch) const noexcept {
  if (type == DType::float32) return reinterpret_cast<const float*>(at(row));
  widen(at(row), type, dim, scratch);
  return scratch;
}

}  // namespace diptych::similarity
