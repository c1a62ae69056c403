#include "similarity/active.hpp"

namespace diptych::similarity {

namespace ks = kernels::similarity;

const ks::Variant& active_fp32() noexcept {
  static const ks::Variant& variant = kernels::active_variant(ks::fp32_variants());
  return variant;
}

const ks::RowVariant& active_rows() noexcept {
  static const ks::RowVariant& variant = kernels::active_variant(ks::row_variants());
  return variant;
}

}  // namespace diptych::similarity
