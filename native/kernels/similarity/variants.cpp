#include <array>

#include "kernels/similarity/kernel.hpp"
#include "kernels/similarity/tables.hpp"

namespace diptych::kernels::similarity {

// Copies, made at the first call: the tables then need no order of initialisation between files.
std::span<const Variant> fp32_variants() noexcept {
#if defined(__x86_64__)
  static const std::array table{avx512_fp32, avx2_fp32, reference_fp32};
#elif defined(__aarch64__)
  static const std::array table{neon_fp32, reference_fp32};
#else
  static const std::array table{reference_fp32};
#endif
  return table;
}

std::span<const Variant> bf16_variants() noexcept {
#if defined(__x86_64__)
  static const std::array table{amx_bf16, avx512_bf16_bf16, avx512_bf16_emulated, avx2_bf16, reference_bf16};
#elif defined(__aarch64__)
  static const std::array table{neon_bf16, reference_bf16};
#else
  static const std::array table{reference_bf16};
#endif
  return table;
}

std::span<const DigitsVariant> digits_variants() noexcept {
#if defined(__x86_64__)
  static const std::array table{amx_digits, reference_digits};
#else
  static const std::array table{reference_digits};
#endif
  return table;
}

std::span<const Variant> int8_variants() noexcept {
#if defined(__x86_64__)
  // Tiles are no use to a single query, and a CPU that has them has VNNI.
  static const Variant tiles = [] {
    Variant variant = amx_int8;
    variant.few = avx512_vnni_int8.few;
    return variant;
  }();
  static const std::array table{tiles, avx512_vnni_int8, avx512_int8, avx2_int8, reference_int8};
#elif defined(__aarch64__)
  static const std::array table{neon_dotprod_int8, neon_int8, reference_int8};
#else
  static const std::array table{reference_int8};
#endif
  return table;
}

std::span<const RowVariant> row_variants() noexcept {
#if defined(__x86_64__)
  static const std::array table{avx512_rows, avx2_rows, reference_rows};
#elif defined(__aarch64__)
  static const std::array table{neon_rows, reference_rows};
#else
  static const std::array table{reference_rows};
#endif
  return table;
}

}  // namespace diptych::kernels::similarity
