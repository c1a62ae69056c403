// What this CPU can do, as far as the kernels ask. A feature counts only when the operating system
// lets user code use it too: xgetbv for the AVX registers, a granted permission for the AMX tiles.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace diptych::kernels {

// One list of bits, so that no two features can share one.
enum class CpuFeature : std::uint32_t {
  neon = 1u << 0,
  avx2 = 1u << 1,
  fma = 1u << 2,
  f16c = 1u << 3,
  avx512f = 1u << 4,
  avx512bw = 1u << 5,
  avx512dq = 1u << 6,
  avx512vl = 1u << 7,
  avx512vnni = 1u << 8,
  avx512bf16 = 1u << 9,
  amx_tile = 1u << 10,
  amx_int8 = 1u << 11,
  amx_bf16 = 1u << 12,
  avx512vbmi = 1u << 13,
  neon_dotprod = 1u << 14,
};

class CpuFeatures {
 public:
  constexpr CpuFeatures() noexcept = default;
  constexpr CpuFeatures(CpuFeature feature) noexcept : bits_(static_cast<std::uint32_t>(feature)) {}

  [[nodiscard]] constexpr CpuFeatures operator|(CpuFeatures other) const noexcept {
    return CpuFeatures(bits_ | other.bits_);
  }
  [[nodiscard]] constexpr CpuFeatures without(CpuFeatures other) const noexcept {
    return CpuFeatures(bits_ & ~other.bits_);
  }
  // Whether every feature of `needs` is here; true for the empty set.
  [[nodiscard]] constexpr bool contains(CpuFeatures needs) const noexcept {
    return (bits_ & needs.bits_) == needs.bits_;
  }
  [[nodiscard]] constexpr bool operator==(const CpuFeatures&) const noexcept = default;

 private:
  constexpr explicit CpuFeatures(std::uint32_t bits) noexcept : bits_(bits) {}
  std::uint32_t bits_ = 0;
};

[[nodiscard]] constexpr CpuFeatures operator|(CpuFeature a, CpuFeature b) noexcept {
  return CpuFeatures(a) | CpuFeatures(b);
}

struct NamedFeature {
  CpuFeature feature;
  std::string_view name;
};

inline constexpr std::array<NamedFeature, 15> named_features{{
    {CpuFeature::neon, "neon"},
    {CpuFeature::avx2, "avx2"},
    {CpuFeature::fma, "fma"},
    {CpuFeature::f16c, "f16c"},
    {CpuFeature::avx512f, "avx512f"},
    {CpuFeature::avx512bw, "avx512bw"},
    {CpuFeature::avx512dq, "avx512dq"},
    {CpuFeature::avx512vl, "avx512vl"},
    {CpuFeature::avx512vnni, "avx512vnni"},
    {CpuFeature::avx512bf16, "avx512bf16"},
    {CpuFeature::amx_tile, "amx_tile"},
    {CpuFeature::amx_int8, "amx_int8"},
    {CpuFeature::amx_bf16, "amx_bf16"},
    {CpuFeature::avx512vbmi, "avx512vbmi"},
    {CpuFeature::neon_dotprod, "neon_dotprod"},
}};

// How the CPU fetches ahead by itself differs by maker, not by instruction set.
[[nodiscard]] bool made_by_amd() noexcept;

// The sets that the kernel files are compiled for (CMakeLists.txt, FLAGS_*).
inline constexpr CpuFeatures needs_avx2 = CpuFeature::avx2 | CpuFeature::fma | CpuFeature::f16c;
inline constexpr CpuFeatures needs_avx512 =
    needs_avx2 | CpuFeature::avx512f | CpuFeature::avx512bw | CpuFeature::avx512dq | CpuFeature::avx512vl;
inline constexpr CpuFeatures needs_avx512_vnni = needs_avx512 | CpuFeature::avx512vnni;
inline constexpr CpuFeatures needs_avx512_vbmi = needs_avx512_vnni | CpuFeature::avx512vbmi;
inline constexpr CpuFeatures needs_avx512_bf16 = needs_avx512 | CpuFeature::avx512bf16;
inline constexpr CpuFeatures needs_neon_dotprod = CpuFeature::neon | CpuFeature::neon_dotprod;
inline constexpr CpuFeatures needs_amx = needs_avx512_vnni | CpuFeature::avx512bf16 | CpuFeature::amx_tile |
                                         CpuFeature::amx_int8 | CpuFeature::amx_bf16;

// Found once per process. The first call asks the kernel for the AMX tiles; a refusal clears their flags.
[[nodiscard]] const CpuFeatures& detected() noexcept;

}  // namespace diptych::kernels
