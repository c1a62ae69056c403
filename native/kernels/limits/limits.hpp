// What the machine can do at best: loops that keep one execution unit busy and do nothing else. The
// benchmarks show every figure as a share of these, measured in the same run.
//
// Contract: `rounds` is any count; the result is the number of operations done (a multiply and an addition
// are two), or of bytes read. `sink` takes a value that depends on all of the work, so that none of it can be
// dropped by the compiler. Chains that run side by side start from different values, or they would be made
// once for all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/cpu_features.hpp"
#include "kernels/dispatch.hpp"

namespace diptych::kernels::limits {

struct Compute {
  std::string_view name;
  Family family;
  CpuFeatures needs;
  double (*run)(std::size_t rounds, double& sink) noexcept;
};

struct Read {
  std::string_view name;
  Family family;
  CpuFeatures needs;
  // `bytes` is aligned to 64; `size` is a multiple of 1024.
  void (*run)(const std::byte* bytes, std::size_t size, double& sink) noexcept;
};

// Best first; the last entry of each runs anywhere.
[[nodiscard]] std::span<const Compute> fp32_variants() noexcept;
// Of operands that are loaded, not in registers (from-cache-inl.hpp).
[[nodiscard]] std::span<const Compute> fp32_from_cache_variants() noexcept;
[[nodiscard]] std::span<const Compute> int8_variants() noexcept;
[[nodiscard]] std::span<const Compute> bf16_variants() noexcept;
[[nodiscard]] std::span<const Read> read_variants() noexcept;

namespace reference {
double fp32(std::size_t rounds, double& sink) noexcept;
double fp32_from_cache(std::size_t rounds, double& sink) noexcept;
double int8(std::size_t rounds, double& sink) noexcept;
double bf16(std::size_t rounds, double& sink) noexcept;
void read(const std::byte* bytes, std::size_t size, double& sink) noexcept;
}  // namespace reference
namespace avx2 {
double fp32(std::size_t rounds, double& sink) noexcept;
double fp32_from_cache(std::size_t rounds, double& sink) noexcept;
double int8(std::size_t rounds, double& sink) noexcept;
void read(const std::byte* bytes, std::size_t size, double& sink) noexcept;
}  // namespace avx2
namespace avx512 {
double fp32(std::size_t rounds, double& sink) noexcept;
double fp32_from_cache(std::size_t rounds, double& sink) noexcept;
void read(const std::byte* bytes, std::size_t size, double& sink) noexcept;
}  // namespace avx512
namespace avx512_vnni {
double int8(std::size_t rounds, double& sink) noexcept;
}
namespace avx512_bf16 {
double bf16(std::size_t rounds, double& sink) noexcept;
}
namespace amx {
double int8(std::size_t rounds, double& sink) noexcept;
double bf16(std::size_t rounds, double& sink) noexcept;
}  // namespace amx
namespace neon {
double fp32(std::size_t rounds, double& sink) noexcept;
double fp32_from_cache(std::size_t rounds, double& sink) noexcept;
void read(const std::byte* bytes, std::size_t size, double& sink) noexcept;
}  // namespace neon

}  // namespace diptych::kernels::limits
