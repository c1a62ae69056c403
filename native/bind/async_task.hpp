// One call that works on the pool and answers with a Promise. The buffers it reads and writes are pinned
// until it is done; when the environment (main thread or worker_thread) ends first, its tasks are cancelled
// and waited for, so that no pool thread ever writes into freed memory.
#pragma once

#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/status.hpp"

namespace diptych::bind {

// Per environment: how many tasks are under way, and whether it is going down. Kept as instance data.
class Environment {
 public:
  explicit Environment(Napi::Env env);
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  void begin();
  void end();
  [[nodiscard]] bool closing() const noexcept { return closing_.load(std::memory_order_relaxed); }

 private:
  void close();
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t under_way_ = 0;
  std::atomic<bool> closing_{false};
};

class AsyncTask {
 public:
  virtual ~AsyncTask() = default;

  // Keeps a JavaScript value (a typed array) alive until the task is done.
  void pin(Napi::Value value);
  // An Int32Array of one or two elements: JavaScript sets the first to 1 to stop early, the second counts
  // steps done. Null or undefined: cannot be stopped.
  void cancel_by(Napi::Value flag);

  // Queues `task` as `count` items on up to `width` threads and gives the promise. Call last.
  static Napi::Value start(Napi::Env env, std::unique_ptr<AsyncTask> task, std::size_t count,
                           std::size_t width);

 protected:
  // On a pool thread, once per index. The first failed status rejects the promise and skips what is left.
  virtual base::Status item(std::size_t index) = 0;
  // On the JavaScript thread, after the last item: the promise's value.
  virtual Napi::Value result(Napi::Env env) = 0;
  // True once JavaScript or the end of the environment asked to stop: long items look now and then.
  [[nodiscard]] bool cancelled() const noexcept;
  // Another step is done, for whoever shows progress.
  void advance() const noexcept;

 private:
  void run_item(std::size_t index) noexcept;
  void settle(Napi::Env env);
  void finish();
  static void on_done(Napi::Env env, Napi::Function, AsyncTask* task);

  Environment* environment_ = nullptr;
  std::vector<Napi::Reference<Napi::Value>> pinned_;
  std::int32_t* cancel_ = nullptr;
  std::int32_t* steps_ = nullptr;
  std::unique_ptr<Napi::Promise::Deferred> deferred_;
  Napi::ThreadSafeFunction notify_;
  std::mutex failure_mutex_;
  base::Status failure_{};
  std::atomic<bool> failed_{false};
};

}  // namespace diptych::bind
