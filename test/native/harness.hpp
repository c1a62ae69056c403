// A test program of a few lines: each TEST registers itself, CHECK counts failures and goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace diptych::test {

struct Case {
  std::string name;
  std::function<void()> body;
};

std::vector<Case>& cases();
bool add(std::string name, std::function<void()> body);
void report(const char* file, int line, const std::string& what);
// Prints the case as skipped, with the reason (a kernel that this CPU cannot run, for one).
void skip(std::string_view why);

// Splitmix64: the same numbers on every platform and with every standard library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // A whole number in [least, most].
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + next() % (most - least + 1);
  }
  // In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

template <class A, class B>
void check_equal(const A& actual, const B& expected, const char* text, const char* file, int line) {
  if (actual == expected) return;
  std::ostringstream what;
  what << text << ": got " << actual << ", expected " << expected;
  report(file, line, what.str());
}

}  // namespace diptych::test

#define DIPTYCH_JOIN2(a, b) a##b
#define DIPTYCH_JOIN(a, b) DIPTYCH_JOIN2(a, b)
#define TEST(name)                                                    \
  static void DIPTYCH_JOIN(test_body_, __LINE__)();                   \
  static const bool DIPTYCH_JOIN(test_added_, __LINE__) =             \
      ::diptych::test::add(name, DIPTYCH_JOIN(test_body_, __LINE__)); \
  static void DIPTYCH_JOIN(test_body_, __LINE__)()
#define CHECK(condition)                                                                        \
  do {                                                                                          \
    if (!(condition)) ::diptych::test::report(__FILE__, __LINE__, "CHECK failed: " #condition); \
  } while (false)
#define CHECK_EQUAL(actual, expected) \
  ::diptych::test::check_equal((actual), (expected), #actual, __FILE__, __LINE__)
