// Every variant of every similarity kernel against the reference: the same bits for fp32, int8 and digits,
// within the stated bound for bf16 (whose order of summation is the instruction's own).
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "harness.hpp"
#include "kernels/similarity/kernel.hpp"

using namespace diptych;
using namespace diptych::kernels::similarity;

namespace {

enum class Layout { fp32, bf16, int8, digits };

struct Shape {
  std::size_t rows, queries, dim;
};

std::size_t elements_per_word(Layout layout) {
  return layout == Layout::fp32 ? 1 : layout == Layout::bf16 ? 2 : 4;
}

// One random problem in a layout, packed for any group width.
class Problem {
 public:
  Problem(Layout layout, const Shape& shape, std::uint64_t seed)
      : layout_(layout), shape_(shape), random_(seed) {
    const std::size_t per_word = elements_per_word(layout);
    words_ = (shape.dim + per_word - 1) / per_word;
    if (layout != Layout::fp32) words_ = (words_ + 15) / 16 * 16;
    if (layout == Layout::digits) words_ = words_of_digits(shape.dim);
    // fp32 rows start at an odd word: rows may be unaligned.
    shift_ = layout == Layout::fp32 ? 4 : 0;
    CHECK(rows_.reserve(shape.rows * words_ * 4 + shift_));
    fill(rows_.data() + shift_, shape.rows);
    queries_.resize(shape.queries * words_ * 4);
    fill(queries_.data(), shape.queries);
    for (std::size_t j = 0; j < shape.rows; ++j) {
      const float scale = static_cast<float>(random_.uniform() + 0.5);
      // Sums of digits are in units of 2^16 steps of the row times steps of the query.
      scale_.push_back(layout == Layout::digits ? scale * steps_[j] * 0x1p16f : scale);
      offset_.push_back(static_cast<float>(random_.uniform() - 0.5));
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < words_ * 4; ++k) {
        sum += std::to_integer<std::uint8_t>(rows_.data()[shift_ + j * words_ * 4 + k]) << 24 >> 24;
      }
      sums_.push_back(sum);
    }
  }

  std::vector<float> dense(const Variant& variant, float low, float high) {
    std::vector<float> out(shape_.rows * shape_.queries, 99.0f);
    each_group(variant, variant.groups_at_once, [&](Block block, std::size_t first, std::size_t count) {
      variant.dense(block, {out.data() + first, shape_.queries, count, low, high});
    });
    return out;
  }

  // Runs filter with room for one tile only, so that it must stop and go on.
  std::vector<Hit> filter(const Variant& variant, float threshold) {
    std::vector<Hit> all;
    std::vector<Hit> room(max_tile_hits);
    each_group(variant, 1, [&](Block block, std::size_t first, std::size_t count) {
      std::vector<float> thresholds(block.panel_count * panel_width, std::numeric_limits<float>::infinity());
      std::fill_n(thresholds.begin(), count, threshold);
      for (std::size_t row = 0; row < block.count;) {
        Filter filter{thresholds.data(), room.data(), room.size(), 0};
        const std::size_t reached = variant.filter(block, row, filter);
        CHECK(reached > row && reached <= block.count);
        if (reached <= row) return;
        for (std::size_t i = 0; i < filter.count; ++i) {
          all.push_back({room[i].value, room[i].row, room[i].query + static_cast<std::uint32_t>(first)});
        }
        row = reached;
      }
    });
    std::ranges::sort(
        all, [](const Hit& a, const Hit& b) { return a.row != b.row ? a.row < b.row : a.query < b.query; });
    return all;
  }

  // Of a variant that has it; int8, few queries.
  std::vector<float> few(const Variant& variant, bool two_streams) {
    std::vector<std::uint8_t> codes;
    for (const std::byte code : queries_) {
      codes.push_back(static_cast<std::uint8_t>(std::to_integer<unsigned>(code) + 128u));
    }
    std::vector<float> out(shape_.rows * shape_.queries, 99.0f);
    each_group(variant, 1, [&](const Block& block, std::size_t, std::size_t) {
      variant.few({block, codes.data(), shape_.queries, out.data(), two_streams});
    });
    return out;
  }

  // The scores of the floats that were split, in double.
  std::vector<double> true_scores() const {
    std::vector<double> out;
    for (std::size_t j = 0; j < shape_.rows; ++j) {
      for (std::size_t q = 0; q < shape_.queries; ++q) {
        double sum = 0;
        for (std::size_t k = 0; k < shape_.dim; ++k) {
          sum += static_cast<double>(floats_[j * shape_.dim + k]) *
                 static_cast<double>(floats_[(shape_.rows + q) * shape_.dim + k]);
        }
        // The scales without the steps, which the floats have no need of.
        const double steps =
            static_cast<double>(steps_[j]) * static_cast<double>(steps_[shape_.rows + q]) * 0x1p16;
        out.push_back(sum / steps * static_cast<double>(scale_[j]) * static_cast<double>(query_scale(q)) +
                      static_cast<double>(offset_[j]));
      }
    }
    return out;
  }

  // What no summation in float may exceed: 2 * words * (elements) * u * sum |y x|, scaled as the value is.
  double tolerance() const {
    return static_cast<double>(words_) * 4 * 0x1p-23 * static_cast<double>(words_) * 2 * 3;
  }

 private:
  void fill(std::byte* to, std::size_t rows) {
    for (std::size_t j = 0; j < rows; ++j, to += words_ * 4) {
      std::memset(to, 0, words_ * 4);
      if (layout_ == Layout::digits) {
        const std::size_t first = floats_.size();
        for (std::size_t k = 0; k < shape_.dim; ++k) {
          floats_.push_back(static_cast<float>(random_.uniform() * 2 - 1));
        }
        auto* const digits = reinterpret_cast<std::int8_t*>(to);
        steps_.push_back(0);
        float square = 0;
        digits_variants().back().split(
            {floats_.data() + first, shape_.dim, 1, shape_.dim, digits, words_ * 4, &steps_.back(), &square});
        continue;
      }
      for (std::size_t k = 0; k < shape_.dim; ++k) put(to, k);
    }
  }
  void put(std::byte* row, std::size_t k) {
    const auto value = static_cast<float>(random_.uniform() * 2 - 1);
    if (layout_ == Layout::fp32) {
      std::memcpy(row + 4 * k, &value, 4);
    } else if (layout_ == Layout::bf16) {
      const auto half = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
      std::memcpy(row + 2 * k, &half, 2);
    } else {
      row[k] =
          static_cast<std::byte>(static_cast<std::int8_t>(std::lround(static_cast<double>(value) * 127)));
    }
  }
  [[nodiscard]] float query_scale(std::size_t q) const {
    const float scale = 0.5f + static_cast<float>(q % 7) / 8;
    if (layout_ != Layout::digits) return scale;
    return shape_.rows + q < steps_.size() ? scale * steps_[shape_.rows + q] : 0;
  }
  // Calls use(block, first query, queries) for `at_once` groups at a time, one after another in memory.
  template <class Use>
  void each_group(const Variant& variant, std::size_t at_once, Use use) {
    const std::size_t width = variant.group * panel_width;
    std::vector<float> query_scales(at_once * width);
    for (std::size_t first = 0; first < shape_.queries; first += at_once * width) {
      const std::size_t count = std::min(at_once * width, shape_.queries - first);
      const std::size_t panels = (count + panel_width - 1) / panel_width;
      for (std::size_t q = 0; q < query_scales.size(); ++q) query_scales[q] = query_scale(first + q);
      base::AlignedBuffer<std::byte> packed;
      CHECK(packed.reserve(panels * panel_width * words_ * 4));
      std::memset(packed.data(), variant.query_bias, panels * panel_width * words_ * 4);
      for (std::size_t q = 0; q < count; ++q) {
        const std::size_t group = q / width;
        const std::size_t in_group = std::min(variant.group, panels - group * variant.group);
        std::byte* const to = packed.data() + group * width * words_ * 4;
        for (std::size_t k = 0; k < words_ * 4; ++k) {
          const auto code = std::to_integer<std::int32_t>(queries_[(first + q) * words_ * 4 + k]);
          to[((k / 4) * in_group * panel_width + q % width) * 4 + k % 4] =
              static_cast<std::byte>(code + variant.query_bias);
        }
      }
      use(Block{rows_.data() + shift_, words_ * 4, shape_.rows, packed.data(), panels, words_, scale_.data(),
                offset_.data(), sums_.data(), query_scales.data()},
          first, count);
    }
  }

  Layout layout_;
  Shape shape_;
  test::Random random_;
  std::size_t words_ = 0;
  std::size_t shift_ = 0;
  base::AlignedBuffer<std::byte> rows_;
  std::vector<std::byte> queries_;
  // Digits: what was split, rows first, and its steps.
  std::vector<float> floats_;
  std::vector<float> steps_;
  std::vector<float> scale_;
  std::vector<float> offset_;
  std::vector<std::int32_t> sums_;
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = [] {
    std::vector<Shape> list;
    for (const std::size_t dim : {1u, 2u, 3u, 15u, 16u, 17u, 63u, 64u, 65u, 129u, 512u, 768u, 1152u}) {
      list.push_back({7, 5, dim});
      list.push_back({33, 70, dim});
    }
    for (const std::size_t rows : {1u, 5u, 6u, 11u, 12u, 13u, 15u, 16u, 17u, 31u, 32u, 33u, 48u, 65u}) {
      for (const std::size_t queries : {1u, 15u, 16u, 17u, 32u, 33u, 48u, 63u, 64u, 65u, 130u}) {
        list.push_back({rows, queries, 37});
      }
    }
    return list;
  }();
  return all;
}

void compare(Layout layout, const Variant& variant, const Variant& reference) {
  if (!kernels::detected().contains(variant.needs)) return test::skip("this CPU cannot run it");
  std::uint64_t seed = 1;
  for (const Shape& shape : shapes()) {
    Problem problem(layout, shape, ++seed);
    const auto expected = problem.dense(reference, -5, 5);
    const auto actual = problem.dense(variant, -5, 5);
    const bool own_order = layout == Layout::bf16;
    const double tolerance = own_order ? problem.tolerance() : 0;
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double off = std::abs(static_cast<double>(actual[i]) - static_cast<double>(expected[i]));
      if (!(off <= tolerance)) ++wrong;
    }
    CHECK_EQUAL(wrong, 0u);

    const float threshold = expected[expected.size() / 2];
    const auto hits = problem.filter(variant, threshold);
    if (own_order) continue;
    const auto expected_hits = problem.filter(reference, threshold);
    CHECK_EQUAL(hits.size(), expected_hits.size());
    for (std::size_t i = 0; i < std::min(hits.size(), expected_hits.size()); ++i) {
      CHECK(hits[i].row == expected_hits[i].row && hits[i].query == expected_hits[i].query &&
            hits[i].value == expected_hits[i].value);
    }
  }
}

// A variant's own filter must say what its own dense says.
void agree(Layout layout, const Variant& variant) {
  if (!kernels::detected().contains(variant.needs)) return test::skip("this CPU cannot run it");
  const Shape shape{77, 133, 200};
  Problem problem(layout, shape, 5);
  const float huge = std::numeric_limits<float>::infinity();
  const auto scores = problem.dense(variant, -huge, huge);
  const float threshold = 0.25f;
  std::size_t expected = 0;
  for (const float score : scores) expected += score >= threshold ? 1 : 0;
  CHECK(expected > 0);
  const auto hits = problem.filter(variant, threshold);
  CHECK_EQUAL(hits.size(), expected);
  for (const Hit& hit : hits) CHECK_EQUAL(hit.value, scores[hit.row * shape.queries + hit.query]);
}

// Few queries get what many would.
void few_agree(const Variant& variant) {
  if (!kernels::detected().contains(variant.needs)) return test::skip("this CPU cannot run it");
  const float huge = std::numeric_limits<float>::infinity();
  for (const std::size_t dim : {1u, 63u, 64u, 65u, 512u, 1000u}) {
    for (std::size_t queries = 1; queries <= most_few_queries; ++queries) {
      Problem problem(Layout::int8, {29, queries, dim}, dim);
      const auto expected = problem.dense(int8_variants().back(), -huge, huge);
      CHECK(problem.few(variant, false) == expected);
      CHECK(problem.few(variant, true) == expected);
    }
  }
}

// As good as floats: what the digits leave out and round off stays below the stated bound
// (docs/exactness.md).
void as_floats(const DigitsVariant& variant) {
  if (!kernels::detected().contains(variant.needs)) return test::skip("this CPU cannot run it");
  const float huge = std::numeric_limits<float>::infinity();
  for (const std::size_t dim : {1u, 63u, 64u, 65u, 512u, 1000u}) {
    Problem problem(Layout::digits, {37, 41, dim}, dim);
    const std::vector<double> expected = problem.true_scores();
    const std::vector<float> actual = problem.dense(variant, -huge, huge);
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(actual[i]) - expected[i]));
    }
    // Values and their steps are at most 1 and 2^-22.9, scales 1.5 and 1.25; the last is the offset's
    // rounding.
    const auto d = static_cast<double>(dim);
    CHECK(worst <= 2 * (2 * d * 0x1p-22 + d * 0x1p-22 + 32 * 0x1p-24 * d) + 0x1p-24);
    // In practice errors are of either sign: a tenth of what a chain of floats may be off by.
    CHECK(worst <= 2 * std::sqrt(d) * 0x1p-21 + 0x1p-22);
  }
}

std::string title(std::string_view what, std::string_view name) {
  return "similarity kernel " + std::string(what) + " " + std::string(name);
}

const bool added = [] {
  const auto add_all = [](Layout layout, std::string_view what, std::span<const Variant> variants) {
    for (const Variant& variant : variants) {
      if (variant.family != kernels::Family::reference) {
        test::add(title(what, variant.name) + ": as the reference",
                  [=, &variant] { compare(layout, variant, variants.back()); });
      }
      test::add(title(what, variant.name) + ": filter and dense agree",
                [=, &variant] { agree(layout, variant); });
      if (variant.few == nullptr) continue;
      test::add(title(what, variant.name) + ": few queries as many", [&variant] { few_agree(variant); });
    }
  };
  add_all(Layout::fp32, "fp32", fp32_variants());
  add_all(Layout::bf16, "bf16", bf16_variants());
  add_all(Layout::int8, "int8", int8_variants());
  for (const DigitsVariant& variant : digits_variants()) {
    if (variant.family != kernels::Family::reference) {
      test::add(title("digits", variant.name) + ": as the reference",
                [&variant] { compare(Layout::digits, variant, digits_variants().back()); });
    }
    test::add(title("digits", variant.name) + ": filter and dense agree",
              [&variant] { agree(Layout::digits, variant); });
    test::add(title("digits", variant.name) + ": as good as floats", [&variant] { as_floats(variant); });
  }
  return true;
}();

}  // namespace
