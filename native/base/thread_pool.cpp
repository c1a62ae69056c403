#include "base/thread_pool.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace diptych::base {

struct ThreadPool::Running {
  explicit Running(Job given) : job(std::move(given)) {}
  Job job;
  std::size_t joined = 0;  // threads that took part so far, guarded by the pool's mutex
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> finished{0};
};

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

ThreadPool& ThreadPool::shared() {
  static ThreadPool* const pool = new ThreadPool();  // never destroyed: see the header
  return *pool;
}

std::size_t ThreadPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

bool ThreadPool::grow(std::size_t wanted) {
  wanted = std::clamp<std::size_t>(wanted, 1, kMaxThreads);
  try {
    while (threads_.size() < wanted) threads_.emplace_back([this] { run(); });
  } catch (const std::system_error&) {
    return !threads_.empty();  // fewer threads than asked for still do the work
  }
  return true;
}

bool ThreadPool::submit(Job job) {
  if (job.count == 0) job.width = 1;
  job.width = std::clamp<std::size_t>(job.width, 1, std::max<std::size_t>(1, job.count));
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || queue_.size() >= max_queued_ || !grow(job.width)) return false;
    queue_.push_back(std::make_shared<Running>(std::move(job)));
  }
  wake_.notify_all();
  return true;
}

void ThreadPool::work(Running& running) {
  const std::size_t count = running.job.count;
  std::size_t mine = 0;
  while (true) {
    const std::size_t index = running.next.fetch_add(1, std::memory_order_relaxed);
    if (index >= count) break;
    running.job.item(index);
    ++mine;
  }
  // Whoever brings the sum to `count` is last, and sees all that the others wrote.
  const bool last = count == 0 || (mine != 0 && running.finished.fetch_add(mine) + mine == count);
  if (last && running.job.done) running.job.done();
  if (last) running.finished.notify_all();
}

void ThreadPool::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const std::shared_ptr<Running> running = queue_.front();
    const bool exhausted = running->next.load(std::memory_order_relaxed) >= running->job.count;
    if (++running->joined >= running->job.width || (exhausted && running->joined > 1)) queue_.pop_front();
    lock.unlock();
    work(*running);
    lock.lock();
  }
}

void ThreadPool::for_each(std::size_t count, std::size_t width,
                          const std::function<void(std::size_t)>& item) {
  if (count == 0) return;
  const std::size_t helpers = std::min(width, count) - (width == 0 ? 0 : 1);
  auto running = std::make_shared<Running>(Job{count, std::max<std::size_t>(1, helpers), item, {}});
  if (helpers > 0) {
    {
      const std::lock_guard lock(mutex_);
      if (!closing_ && grow(helpers + 1)) queue_.push_front(running);
    }
    wake_.notify_all();
  }
  work(*running);
  if (helpers > 0) {
    // Helpers that have not joined by now would find nothing left; those that have are inside `work`.
    const std::lock_guard lock(mutex_);
    std::erase(queue_, running);
  }
  for (std::size_t seen = running->finished.load(); seen != count; seen = running->finished.load()) {
    running->finished.wait(seen);
  }
}

}  // namespace diptych::base
