// The addon's own threads. A job is `count` items; up to `width` threads take its items one by one, so that a
// slow item holds up nobody. Jobs wait in one bounded queue and run in order of arrival; a job that does not
// fill the pool lets the next one start beside it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace diptych::base {

// `item(index)` and `done()` run on pool threads; neither may throw. `done` runs once, after the last item.
struct Job {
  std::size_t count = 0;
  std::size_t width = 1;
  std::function<void(std::size_t)> item;
  std::function<void()> done;
};

class ThreadPool {
 public:
  static constexpr std::size_t kMaxThreads = 256;

  explicit ThreadPool(std::size_t max_queued = 1024) : max_queued_(max_queued) {}
  // Finishes every queued job first.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // False when the queue is full or no thread can be had: then nothing of the job runs.
  [[nodiscard]] bool submit(Job job);

  // item(0 .. count-1) on up to `width` threads, the caller's being one of them; returns when all are done.
  // Safe to call from inside an item: the caller works through all items itself if no other thread is free.
  void for_each(std::size_t count, std::size_t width, const std::function<void(std::size_t)>& item);

  [[nodiscard]] std::size_t threads() const;

  // The one pool of the process. It lives until the process ends: a thread may still be idle in it by then.
  static ThreadPool& shared();

 private:
  struct Running;
  void run();
  [[nodiscard]] bool grow(std::size_t wanted);
  static void work(Running& running);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Running>> queue_;
  std::vector<std::thread> threads_;
  std::size_t max_queued_;
  bool closing_ = false;
};

}  // namespace diptych::base
