#include <algorithm>
#include <string>
#include <vector>

#include "harness.hpp"
#include "kernels/normalise/kernel.hpp"
#include "kernels/resize/kernel.hpp"

using namespace diptych;
using kernels::resize::Taps;
using test::Random;

namespace {

struct OwnedTaps {
  std::vector<std::int32_t> first;
  std::vector<std::int32_t> counts;
  std::vector<std::int32_t> coefficients;
  Taps taps;
};

// Taps of any shape, coefficients up to the limit that kernel.hpp states.
OwnedTaps random_taps(Random& random, std::size_t outputs, std::size_t sources, std::size_t most) {
  OwnedTaps owned;
  const std::size_t stride = std::min(most, sources);
  // Outputs in order with a steady step, as real plans have them, or anywhere.
  const bool steady = random.next() % 4 != 0;
  for (std::size_t i = 0; i < outputs; ++i) {
    const auto count = random.between(1, stride);
    owned.counts.push_back(static_cast<std::int32_t>(count));
    const std::size_t last = sources - count;
    const std::size_t first = steady ? (outputs > 1 ? last * i / (outputs - 1) : 0) : random.between(0, last);
    owned.first.push_back(static_cast<std::int32_t>(first));
    for (std::size_t tap = 0; tap < stride; ++tap) {
      const auto value = static_cast<std::int32_t>(random.between(0, 2u * kernels::resize::kLargest)) -
                         kernels::resize::kLargest;
      owned.coefficients.push_back(tap >= count             ? 0
                                   : random.next() % 4 == 0 ? value
                                                            : value >> random.between(0, 12));
    }
  }
  owned.taps = {outputs, stride, owned.first.data(), owned.counts.data(), owned.coefficients.data()};
  return owned;
}

struct Bytes {
  std::vector<std::uint8_t> all;
  explicit Bytes(Random& random, std::size_t size) : all(size + kernels::resize::kReadOverrun) {
    for (auto& byte : all) byte = static_cast<std::uint8_t>(random.next());
  }
};

constexpr std::size_t kSizes[] = {1,  2,  3,  4,  5,  7,  8,  9,  15,  16,  17,
                                  21, 22, 31, 32, 33, 63, 64, 65, 127, 224, 341};

std::byte* aligned(std::vector<std::byte>& buffer, std::size_t size) {
  buffer.resize(size + 64);
  return reinterpret_cast<std::byte*>((reinterpret_cast<std::uintptr_t>(buffer.data()) + 63) / 64 * 64);
}

void check_horizontal(const kernels::resize::Variant& variant) {
  Random random(11);
  for (const std::size_t outputs : kSizes) {
    for (std::size_t channels = 1; channels <= 4; ++channels) {
      for (const std::size_t most : {1u, 4u, 5u, 9u, 24u, 60u}) {
        const std::size_t width = random.between(1, 400);
        const std::size_t rows = random.between(1, 9);
        const OwnedTaps owned = random_taps(random, outputs, width, most);
        const std::size_t source_stride = width * channels + random.between(0, 5);
        const std::size_t target_stride = outputs * channels + kernels::resize::kOverrun;
        const Bytes source(random, source_stride * rows);
        std::vector<std::uint8_t> expected(target_stride * rows + kernels::resize::kOverrun);
        std::vector<std::uint8_t> actual = expected;
        std::vector<std::byte> buffer;
        std::byte* const packed = aligned(buffer, variant.packed_size(owned.taps, channels));
        variant.pack_horizontal(owned.taps, channels, packed);
        kernels::resize::Horizontal work{source.all.data(), source_stride, expected.data(),
                                         target_stride,     rows,          channels,
                                         owned.taps,        nullptr};
        kernels::resize::reference.horizontal(work);
        work.target = actual.data();
        work.packed = packed;
        variant.horizontal(work);
        for (std::size_t y = 0; y < rows; ++y) {
          const auto begin = static_cast<std::ptrdiff_t>(y * target_stride);
          CHECK(std::equal(expected.begin() + begin,
                           expected.begin() + begin + static_cast<std::ptrdiff_t>(outputs * channels),
                           actual.begin() + begin));
        }
      }
    }
  }
}

// Both passes at once give what the reference's two give.
void check_both(const kernels::resize::Variant& variant) {
  const kernels::resize::Both* const both = variant.both;
  if (both == nullptr) return;
  Random random(13);
  for (const std::size_t outputs : kSizes) {
    for (const std::size_t most : {1u, 4u, 5u, 9u, 13u, 24u, 40u, 60u}) {
      // Outputs near each other, apart, and far.
      const std::size_t width = random.between(1, outputs * random.between(1, 15) + most);
      const std::size_t rows = random.between(1, 70);
      const OwnedTaps x = random_taps(random, outputs, width, most);
      const OwnedTaps y = random_taps(random, random.between(1, 20), rows, most);
      const std::size_t source_stride = width * 3 + random.between(0, 5);
      const std::size_t between_stride = outputs * 3 + kernels::resize::kOverrun;
      const std::size_t target_stride = outputs * 3 + random.between(0, 5);
      const Bytes source(random, source_stride * rows);
      std::vector<std::uint8_t> between(between_stride * rows + kernels::resize::kReadOverrun);
      std::vector<std::uint8_t> expected(target_stride * y.taps.outputs, 77);
      std::vector<std::uint8_t> actual(expected.size() + 1, 77);
      kernels::resize::reference.horizontal(
          {source.all.data(), source_stride, between.data(), between_stride, rows, 3, x.taps, nullptr});
      kernels::resize::reference.vertical(
          {between.data(), between_stride, expected.data(), target_stride, outputs * 3, y.taps});

      std::vector<std::byte> buffers[3];
      std::byte* const packed_rows = aligned(buffers[0], both->packed_rows_size(x.taps));
      std::byte* const packed_columns = aligned(buffers[1], both->packed_columns_size(y.taps));
      both->pack_rows(x.taps, packed_rows);
      both->pack_columns(y.taps, packed_columns);
      both->run({source.all.data(), source_stride, rows, nullptr, rows, actual.data(), target_stride, x.taps,
                 y.taps, packed_rows, packed_columns,
                 aligned(buffers[2], both->between_size(outputs, rows))});
      CHECK(std::equal(expected.begin(), expected.end(), actual.begin()));
      CHECK_EQUAL(static_cast<int>(actual.back()), 77);  // nothing written behind the last row
    }
  }
}

void check_vertical(const kernels::resize::Variant& variant) {
  Random random(12);
  for (const std::size_t bytes : kSizes) {
    for (const std::size_t most : {1u, 2u, 3u, 8u, 61u}) {
      const std::size_t height = random.between(1, 90);
      const std::size_t outputs = random.between(1, 20);
      const OwnedTaps owned = random_taps(random, outputs, height, most);
      const std::size_t stride = bytes + random.between(0, 70);
      const Bytes source(random, stride * height);
      std::vector<std::uint8_t> expected(bytes * outputs);
      std::vector<std::uint8_t> actual(bytes * outputs + 1, 77);
      kernels::resize::Vertical work{source.all.data(), stride, expected.data(), bytes, bytes, owned.taps};
      kernels::resize::reference.vertical(work);
      work.target = actual.data();
      variant.vertical(work);
      CHECK(std::equal(expected.begin(), expected.end(), actual.begin()));
      CHECK_EQUAL(static_cast<int>(actual.back()), 77);  // nothing written behind the last row
    }
  }
}

void check_normalise(const kernels::normalise::Variant& variant) {
  namespace normalise = kernels::normalise;
  Random random(13);
  const double mean[3] = {0.48145466, 0.4578275, 0.40821073};
  const double std[3] = {0.26862954, 0.26130258, 0.27577711};
  // 1/254.99 has no correctly rounded quotient form in general: the kernels must look up instead.
  for (const double rescale : {1.0 / 255, 1.0, 1.0 / 127.5, 1.0 / 254.99}) {
    for (const auto element :
         {normalise::Element::float32, normalise::Element::float16, normalise::Element::bfloat16}) {
      normalise::Table table;
      normalise::make_table(rescale, mean, std, element, table);
      for (const std::size_t pixels : kSizes) {
        const Bytes source(random, 3 * pixels);
        const std::size_t size = element == normalise::Element::float32 ? 4 : 2;
        std::vector<std::uint8_t> expected(3 * pixels * size);
        std::vector<std::uint8_t> actual(3 * pixels * size + 1, 77);
        const auto run = [&](const normalise::Variant& one, std::vector<std::uint8_t>& out) {
          normalise::Work work;
          work.source = source.all.data();
          work.pixels = pixels;
          work.table = &table;
          for (std::size_t i = 0; i < 3; ++i) work.planes[i] = out.data() + i * pixels * size;
          one.run(work);
        };
        run(normalise::reference, expected);
        run(variant, actual);
        CHECK(std::equal(expected.begin(), expected.end(), actual.begin()));
        CHECK_EQUAL(static_cast<int>(actual.back()), 77);
      }
    }
  }
}

template <class Variant>
void add_cases(std::span<const Variant> variants, const std::string& what, void (*check)(const Variant&)) {
  for (const Variant& variant : variants) {
    test::add(what + ", " + std::string(variant.name) + ": the reference's bits", [&variant, check] {
      if (!kernels::detected().contains(variant.needs)) {
        test::skip("this CPU lacks the instructions");
        return;
      }
      check(variant);
    });
  }
}

const bool added = [] {
  add_cases(kernels::resize::variants(), "resize along rows", check_horizontal);
  add_cases(kernels::resize::variants(), "resize along columns", check_vertical);
  add_cases(kernels::resize::variants(), "resize along both", check_both);
  add_cases(kernels::normalise::variants(), "normalise", check_normalise);
  return true;
}();

}  // namespace
