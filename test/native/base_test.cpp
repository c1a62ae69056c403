#include <atomic>
#include <numeric>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/cores.hpp"
#include "base/thread_pool.hpp"
#include "harness.hpp"

using namespace diptych::base;

TEST("thread pool: every item runs once, done runs once, after all items") {
  ThreadPool pool;
  for (const std::size_t count : {0u, 1u, 2u, 3u, 17u, 1000u}) {
    for (const std::size_t width : {1u, 2u, 5u}) {
      std::vector<std::atomic<int>> seen(count);
      std::atomic<int> done{0};
      std::atomic<std::size_t> before_done{0};
      CHECK(pool.submit({count, width, [&](std::size_t i) { ++seen[i]; },
                         [&] {
                           for (auto& one : seen) before_done += static_cast<std::size_t>(one.load());
                           ++done;
                           done.notify_all();
                         }}));
      done.wait(0);
      CHECK_EQUAL(before_done.load(), count);
      for (auto& one : seen) CHECK_EQUAL(one.load(), 1);
    }
  }
}

TEST("thread pool: many jobs at once, and for_each inside items") {
  std::atomic<std::size_t> sum{0};
  {
    ThreadPool pool;
    for (int job = 0; job < 50; ++job) {
      CHECK(pool.submit(
          {4, 3, [&](std::size_t) { pool.for_each(10, 4, [&](std::size_t i) { sum += i; }); }, {}}));
    }
  }  // the destructor finishes what is queued
  CHECK_EQUAL(sum.load(), std::size_t{50 * 4 * 45});
}

TEST("thread pool: a full queue refuses") {
  ThreadPool pool(1);
  std::atomic<bool> open{false};
  std::atomic<int> refused{0};
  for (int job = 0; job < 8; ++job) {
    if (!pool.submit({1, 1, [&](std::size_t) { open.wait(false); }, {}})) ++refused;
  }
  CHECK(refused.load() >= 1);
  open = true;
  open.notify_all();
}

TEST("available cores: at least one") { CHECK(available_cores() >= 1); }

TEST("aligned buffer: grows, refuses what cannot be had, aligned to 64 bytes") {
  AlignedBuffer<float> buffer;
  CHECK(buffer.reserve(3));
  CHECK_EQUAL(reinterpret_cast<std::uintptr_t>(buffer.data()) % kAlignment, 0u);
  CHECK(!buffer.reserve(std::numeric_limits<std::size_t>::max() / 2));
  CHECK(buffer.reserve(100));
  CHECK(buffer.capacity() >= 100);
}
