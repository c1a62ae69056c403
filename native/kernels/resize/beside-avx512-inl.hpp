// The table entry of a variant that only does both passes at once (`both_passes`, quads-inl.hpp). Included
// after that, in the variant's unnamed namespace.

// One pass alone is left to the plain AVX-512 kernel.
constexpr Variant beside_avx512(std::string_view name, CpuFeatures needs) noexcept {
  return {name,
          Family::avx512,
          needs,
          [](const Taps& taps, std::size_t channels) noexcept { return avx512.packed_size(taps, channels); },
          [](const Taps& taps, std::size_t channels, std::byte* packed) noexcept {
            avx512.pack_horizontal(taps, channels, packed);
          },
          [](const Horizontal& work) noexcept { avx512.horizontal(work); },
          [](const Vertical& work) noexcept { avx512.vertical(work); },
          &both_passes};
}
