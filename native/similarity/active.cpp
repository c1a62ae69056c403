#include "similarity/active.hpp"

namespace diptych::similarity {

namespace ks = kernels::similarity;

const ks::Variant& active_fp32() noexcept {
  static const ks::Variant& variant = kernels::active_variant(ks::fp32_variants());
  return variant;
}

const ks::DigitsVariant& active_digits() noexcept {
  static const ks::DigitsVariant& variant = kernels::active_variant(ks::digits_variants());
  return variant;
}

const ks::Variant& active_bf16() noexcept {
  static const ks::Variant& variant = kernels::active_variant(ks::bf16_variants());
  return variant;
}

const ks::Variant& active_int8() noexcept {
  static const ks::Variant& variant = kernels::active_variant(ks::int8_variants());
  return variant;
}

const ks::RowVariant& active_rows() noexcept {
  static const ks::RowVariant& variant = kernels::active_variant(ks::row_variants());
  return variant;
}

bool bf16_is_fast() noexcept { return active_bf16().family == kernels::Family::amx; }

}  // namespace diptych::similarity
