#include <cmath>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "harness.hpp"
#include "kernels/limits/limits.hpp"

using namespace diptych::kernels;

namespace {

template <class Variant>
bool runnable(const Variant& variant) {
  return detected().contains(variant.needs);
}

void check_compute(std::span<const limits::Compute> variants) {
  CHECK(variants.back().needs == CpuFeatures{});
  for (const auto& variant : variants) {
    if (!runnable(variant)) continue;
    double sink = 0;
    CHECK_EQUAL(variant.run(0, sink), 0.0);
    const double once = variant.run(1000, sink);
    CHECK(once > 0);
    CHECK_EQUAL(variant.run(3000, sink), 3 * once);
    CHECK(std::isfinite(sink));
  }
}

}  // namespace

TEST("limits: the operations counted grow with the rounds, in every variant") {
  check_compute(limits::fp32_variants());
  check_compute(limits::fp32_from_cache_variants());
  check_compute(limits::int8_variants());
  check_compute(limits::bf16_variants());
}

TEST("limits: reading looks at every kilobyte, in every variant") {
  diptych::base::AlignedBuffer<std::byte> memory;
  constexpr std::size_t size = 8192;
  CHECK(memory.reserve(size));
  for (std::size_t marked = 0; marked < size; marked += 1024) {
    for (std::size_t i = 0; i < size; ++i) memory.data()[i] = std::byte{0};
    memory.data()[marked] = std::byte{1};
    for (const auto& variant : limits::read_variants()) {
      if (!runnable(variant)) continue;
      double sink = 0;
      variant.run(memory.data(), size, sink);
      CHECK_EQUAL(sink, 1.0);
    }
  }
}
