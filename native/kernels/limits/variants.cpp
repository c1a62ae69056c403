#include <array>

#include "kernels/limits/limits.hpp"

namespace diptych::kernels::limits {
namespace {

constexpr std::array fp32_table {
#if defined(__x86_64__)
  Compute{"avx512", Family::avx512, needs_avx512, avx512::fp32},
      Compute{"avx2", Family::avx2, needs_avx2, avx2::fp32},
#elif defined(__aarch64__)
  Compute{"neon", Family::neon, CpuFeature::neon, neon::fp32},
#endif
      Compute{"reference", Family::reference, {}, reference::fp32},
};

constexpr std::array fp32_from_cache_table {
#if defined(__x86_64__)
  Compute{"avx512", Family::avx512, needs_avx512, avx512::fp32_from_cache},
      Compute{"avx2", Family::avx2, needs_avx2, avx2::fp32_from_cache},
#elif defined(__aarch64__)
  Compute{"neon", Family::neon, CpuFeature::neon, neon::fp32_from_cache},
#endif
      Compute{"reference", Family::reference, {}, reference::fp32_from_cache},
};

constexpr std::array int8_table {
#if defined(__x86_64__)
  Compute{"amx", Family::amx, needs_amx, amx::int8},
      Compute{"avx512_vnni", Family::avx512, needs_avx512_vnni, avx512_vnni::int8},
      Compute{"avx2", Family::avx2, needs_avx2, avx2::int8},
#endif
      Compute{"reference", Family::reference, {}, reference::int8},
};

constexpr std::array bf16_table {
#if defined(__x86_64__)
  Compute{"amx", Family::amx, needs_amx, amx::bf16},
      Compute{"avx512_bf16", Family::avx512, needs_avx512_bf16, avx512_bf16::bf16},
#endif
      Compute{"reference", Family::reference, {}, reference::bf16},
};

constexpr std::array read_table {
#if defined(__x86_64__)
  Read{"avx512", Family::avx512, needs_avx512, avx512::read},
      Read{"avx2", Family::avx2, needs_avx2, avx2::read},
#elif defined(__aarch64__)
  Read{"neon", Family::neon, CpuFeature::neon, neon::read},
#endif
      Read{"reference", Family::reference, {}, reference::read},
};

}  // namespace

std::span<const Compute> fp32_variants() noexcept { return fp32_table; }
std::span<const Compute> fp32_from_cache_variants() noexcept { return fp32_from_cache_table; }
std::span<const Compute> int8_variants() noexcept { return int8_table; }
std::span<const Compute> bf16_variants() noexcept { return bf16_table; }
std::span<const Read> read_variants() noexcept { return read_table; }

}  // namespace diptych::kernels::limits
