#include "kernels/cpu_features.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__) && defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace diptych::kernels {
namespace {

#if defined(__x86_64__)

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) noexcept {
  Registers r;
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  return r;
}

// By its opcode's name in assembly, since the intrinsic would need this file built with -mxsave.
std::uint64_t enabled_state() noexcept {
  unsigned low = 0;
  unsigned high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32) | low;
}

// Linux gives the 8 KB of tile state only to a process that asks (Documentation/arch/x86/xstate.rst).
bool tiles_granted() noexcept {
#if defined(__linux__)
  constexpr long request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long tile_data = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

bool detect_amd() noexcept {
  const Registers maker = cpuid(0, 0);
  return maker.ebx == 0x68747541 && maker.edx == 0x69746e65 && maker.ecx == 0x444d4163;  // "AuthenticAMD"
}

CpuFeatures detect() noexcept {
  constexpr std::uint64_t avx_state = 0x6;                          // XMM, YMM
  constexpr std::uint64_t avx512_state = avx_state | 0xe0;          // opmask, ZMM high halves, ZMM16..31
  constexpr std::uint64_t amx_state = (1ull << 17) | (1ull << 18);  // tile configuration, tile data
  const auto bit = [](unsigned word, unsigned n) { return ((word >> n) & 1u) != 0; };

  CpuFeatures found;
  const unsigned last_leaf = cpuid(0, 0).eax;
  if (last_leaf < 7) return found;
  const Registers basic = cpuid(1, 0);
  const Registers extended = cpuid(7, 0);
  const Registers extended1 = extended.eax >= 1 ? cpuid(7, 1) : Registers{};
  if (!bit(basic.ecx, 27)) return found;  // OSXSAVE: without it xgetbv itself is illegal
  const std::uint64_t state = enabled_state();
  const auto add = [&found](bool present, CpuFeature feature) {
    if (present) found = found | feature;
  };

  if ((state & avx_state) != avx_state || !bit(basic.ecx, 28)) return found;
  add(bit(extended.ebx, 5), CpuFeature::avx2);
  add(bit(basic.ecx, 12), CpuFeature::fma);
  add(bit(basic.ecx, 29), CpuFeature::f16c);
  if ((state & avx512_state) != avx512_state) return found;
  add(bit(extended.ebx, 16), CpuFeature::avx512f);
  add(bit(extended.ebx, 17), CpuFeature::avx512dq);
  add(bit(extended.ebx, 30), CpuFeature::avx512bw);
  add(bit(extended.ebx, 31), CpuFeature::avx512vl);
  add(bit(extended.ecx, 11), CpuFeature::avx512vnni);
  add(bit(extended.ecx, 1), CpuFeature::avx512vbmi);
  add(bit(extended1.eax, 5), CpuFeature::avx512bf16);
  if ((state & amx_state) != amx_state || !bit(extended.edx, 24) || !tiles_granted()) return found;
  add(true, CpuFeature::amx_tile);
  add(bit(extended.edx, 25), CpuFeature::amx_int8);
  add(bit(extended.edx, 22), CpuFeature::amx_bf16);
  return found;
}

#elif defined(__aarch64__)

bool detect_amd() noexcept { return false; }

// Advanced SIMD is part of the AArch64 baseline; its dot product of bytes is in every Apple CPU, and Linux
// says of the others.
bool has_dot_product() noexcept {
#if defined(__APPLE__)
  return true;
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

CpuFeatures detect() noexcept {
  return has_dot_product() ? CpuFeature::neon | CpuFeature::neon_dotprod : CpuFeatures(CpuFeature::neon);
}

#else

bool detect_amd() noexcept { return false; }

CpuFeatures detect() noexcept { return {}; }

#endif

}  // namespace

const CpuFeatures& detected() noexcept {
  static const CpuFeatures features = detect();
  return features;
}

bool made_by_amd() noexcept {
  static const bool amd = detect_amd();
  return amd;
}

}  // namespace diptych::kernels
