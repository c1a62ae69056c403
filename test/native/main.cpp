// diptych_native_tests [PART OF A NAME]: runs all cases, or those whose name holds the argument.
// The last line is "N passed, N failed, N skipped"; the exit code is 1 when any case failed.
#include <cstdio>
#include <exception>

#include "harness.hpp"

namespace diptych::test {
namespace {
int failures_here = 0;
bool skipped_here = false;
}  // namespace

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

bool add(std::string name, std::function<void()> body) {
  cases().push_back({std::move(name), std::move(body)});
  return true;
}

void report(const char* file, int line, const std::string& what) {
  constexpr int kMostShown = 10;
  if (++failures_here <= kMostShown) std::printf("  %s:%d: %s\n", file, line, what.c_str());
}

void skip(std::string_view why) {
  skipped_here = true;
  std::printf("  skipped: %.*s\n", static_cast<int>(why.size()), why.data());
}

}  // namespace diptych::test

int main(int argc, char** argv) {
  using namespace diptych::test;
  const std::string part = argc > 1 ? argv[1] : "";
  int passed = 0;
  int failed = 0;
  int skipped = 0;
  for (const Case& one : cases()) {
    if (one.name.find(part) == std::string::npos) continue;
    failures_here = 0;
    skipped_here = false;
    try {
      one.body();
    } catch (const std::exception& error) {
      report(one.name.c_str(), 0, std::string("exception: ") + error.what());
    }
    const bool good = failures_here == 0;
    std::printf("%s %s\n", !good ? "FAIL" : skipped_here ? "skip" : "ok  ", one.name.c_str());
    (!good ? failed : skipped_here ? skipped : passed) += 1;
  }
  std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed > 0 || passed + skipped == 0 ? 1 : 0;
}
