// The arithmetic of each layout in plain vector instructions, once for all instruction sets: included after
// the simd header and body-inl.hpp. Files with an instruction made for a layout (VNNI, AVX512-BF16, dot
// product) define their own Op instead.
#pragma once

#include <cstddef>

#include "kernels/similarity/kernel.hpp"

namespace diptych::kernels::similarity {
namespace {

// `Panels` side by side at most, and the height of a tile of 1, 2, 3 and 4 panels: as the registers allow.
template <std::size_t Panels, int H1, int H2 = 0, int H3 = 0, int H4 = 0>
struct TileShape {
  static constexpr std::size_t group = Panels;
  static constexpr int heights[4] = {H1, H2, H3, H4};
};

template <class Shape>
struct Fp32 : Shape {
  using Acc = F16;
  using Panel = F16;
  static Acc start(const Block&, std::size_t) noexcept { return F16::zero(); }
  static Panel load(const std::byte* p) noexcept { return F16::load(reinterpret_cast<const float*>(p)); }
  static F16 broadcast(const std::byte* p) noexcept { return F16::all(*reinterpret_cast<const float*>(p)); }
  static Acc step(Acc acc, F16 a, Panel b) noexcept { return simd::fma(a, b, acc); }
  static F16 to_float(Acc acc) noexcept { return acc; }
};

// Products of bfloat16 are exact in float: low halves first, then high halves.
template <class Shape>
struct Bf16 : Shape {
  struct Halves {
    F16 low, high;
  };
  using Acc = F16;
  using Panel = Halves;
  static Halves split(simd::W16 words) noexcept {
    return {simd::low_halves(words), simd::high_halves(words)};
  }
  static Acc start(const Block&, std::size_t) noexcept { return F16::zero(); }
  static Panel load(const std::byte* p) noexcept { return split(simd::W16::load(p)); }
  static Halves broadcast(const std::byte* p) noexcept { return split(simd::W16::all(p)); }
  static Acc step(Acc acc, const Halves& a, const Panel& b) noexcept {
    return simd::fma(a.high, b.high, simd::fma(a.low, b.low, acc));
  }
  static F16 to_float(Acc acc) noexcept { return acc; }
};

// Bytes are widened to 16 bits and multiplied there, as simd::Bytes does it.
template <class Shape>
struct Int8 : Shape {
  using Acc = simd::W16;
  using Panel = simd::Bytes;
  static Acc start(const Block&, std::size_t) noexcept { return simd::W16::zero(); }
  static Panel load(const std::byte* p) noexcept { return simd::Bytes::of(simd::W16::load(p)); }
  static simd::Bytes broadcast(const std::byte* p) noexcept { return simd::Bytes::of(simd::W16::all(p)); }
  static Acc step(Acc acc, const simd::Bytes& a, const Panel& b) noexcept {
    return simd::add_products(acc, a, b);
  }
  static F16 to_float(Acc acc) noexcept { return simd::to_float(acc); }
};

}  // namespace
}  // namespace diptych::kernels::similarity
