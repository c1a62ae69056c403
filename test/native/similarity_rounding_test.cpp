// What bounds rest on: floats on the right side of a double, and keys that order as scores do.
#include <cmath>
#include <cstdint>
#include <limits>

#include "harness.hpp"
#include "similarity/exact.hpp"
#include "similarity/rounding.hpp"

namespace diptych::similarity {

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float largest = std::numeric_limits<float>::max();
constexpr float least = std::numeric_limits<float>::denorm_min();

// Doubles of every size, both signs, and those about floats.
template <class Check>
void each_double(Check check) {
  test::Random random(7);
  for (int i = 0; i < 20000; ++i) {
    const int exponent = static_cast<int>(random.next() % 320) - 170;
    const double x = std::ldexp(static_cast<double>(random.next() >> 11) * 0x1p-53, exponent);
    for (const double sign : {-1.0, 1.0}) {
      check(sign * x);
      check(sign * static_cast<double>(static_cast<float>(x)));
    }
  }
  for (const double x : {0.0, -0.0, 1.0, 1e300, -1e300, 1e-300, -1e-300}) check(x);
}

}  // namespace

TEST("similarity rounding: the next float upwards is the library's") {
  each_double([](double x) {
    const auto narrow = static_cast<float>(x);
    CHECK_EQUAL(next_up(narrow), std::nextafter(narrow, infinity));
  });
  CHECK_EQUAL(next_up(largest), infinity);
  CHECK_EQUAL(next_up(infinity), infinity);
  CHECK_EQUAL(next_up(-infinity), -largest);
  CHECK_EQUAL(next_up(0.0f), least);
  CHECK_EQUAL(next_up(-least), 0.0f);
  CHECK(std::isnan(next_up(std::numeric_limits<float>::quiet_NaN())));
}

TEST("similarity rounding: floats on either side of a double, and near it") {
  each_double([](double x) {
    CHECK(static_cast<double>(round_down(x)) <= x);
    CHECK(static_cast<double>(round_up(x)) >= x);
    CHECK(static_cast<double>(below(x)) <= x);
    CHECK(static_cast<double>(above(x)) >= x);
    if (std::abs(x) >= static_cast<double>(largest) / 2) return;
    const double near = std::abs(x) * 0x1p-22 + 0x1p-139;
    CHECK(x - static_cast<double>(below(x)) <= near);
    CHECK(static_cast<double>(above(x)) - x <= near);
  });
  constexpr double endless = std::numeric_limits<double>::infinity();
  CHECK_EQUAL(below(-endless), -infinity);
  CHECK_EQUAL(above(endless), infinity);
  CHECK(below(endless) <= largest && above(-endless) >= -largest);
}

TEST("similarity rounding: keys of cosines are whole 10^-12, of products the products") {
  each_double([](double x) {
    CHECK_EQUAL(order_key(x, Metric::dot), x);
    CHECK_EQUAL(order_key(x, Metric::cosine), std::nearbyint(x * 1e12) / 1e12);
  });
  CHECK_EQUAL(order_key(0.5 + 4e-13, Metric::cosine), 0.5);
}

}  // namespace diptych::similarity
