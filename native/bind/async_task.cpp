#include "bind/async_task.hpp"

#include <exception>
#include <new>
#include <utility>

#include "base/thread_pool.hpp"
#include "bind/args.hpp"
#include "bind/throw.hpp"

namespace diptych::bind {

using base::Code;
using base::Status;

Environment::Environment(Napi::Env env) {
  env.AddCleanupHook([](Environment* self) { self->close(); }, this);
}

void Environment::begin() {
  const std::lock_guard lock(mutex_);
  ++under_way_;
}

void Environment::end() {
  // Notified under the lock: once close() sees zero, this object may be gone.
  const std::lock_guard lock(mutex_);
  --under_way_;
  idle_.notify_all();
}

void Environment::close() {
  closing_ = true;
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return under_way_ == 0; });
}

void AsyncTask::pin(Napi::Value value) { pinned_.emplace_back(Napi::Reference<Napi::Value>::New(value, 1)); }

void AsyncTask::cancel_by(Napi::Value flag) {
  if (flag.IsNull() || flag.IsUndefined()) return;
  const auto bytes = typed_array_bytes("cancel", flag, napi_int32_array);
  const std::size_t count = bytes.size() / sizeof(std::int32_t);
  if (count != 1 && count != 2) {
    throw_error(flag.Env(), Code::bad_input, "cancel must have one element, or two");
  }
  cancel_ = reinterpret_cast<std::int32_t*>(bytes.data());
  if (count == 2) steps_ = cancel_ + 1;
  pin(flag);
}

bool AsyncTask::cancelled() const noexcept {
  if (environment_->closing()) return true;
  return cancel_ != nullptr && std::atomic_ref<std::int32_t>(*cancel_).load(std::memory_order_relaxed) != 0;
}

void AsyncTask::advance() const noexcept {
  if (steps_ != nullptr) std::atomic_ref<std::int32_t>(*steps_).fetch_add(1, std::memory_order_relaxed);
}

void AsyncTask::run_item(std::size_t index) noexcept {
  if (failed_.load(std::memory_order_relaxed)) return;
  Status status;
  try {
    status = cancelled() ? Status::fail(Code::aborted, "the operation was aborted") : item(index);
    if (status.ok()) return;
  } catch (const std::bad_alloc&) {
    status = {Code::out_of_memory, {}};
  } catch (const std::exception& error) {
    status = {Code::bad_input, error.what()};
  }
  const std::lock_guard lock(failure_mutex_);
  if (failed_.exchange(true)) return;
  failure_ = std::move(status);
}

void AsyncTask::settle(Napi::Env env) {
  pinned_.clear();
  if (failure_.code == Code::out_of_memory && failure_.message.empty()) {
    failure_.message = "not enough memory for this call: pass smaller batches";
  }
  if (!failure_.ok()) {
    deferred_->Reject(make_error(env, failure_.code, failure_.message).Value());
    return;
  }
  try {
    deferred_->Resolve(result(env));
  } catch (const Napi::Error& error) {
    deferred_->Reject(error.Value());
  }
}

// Ownership walks with the work: start() -> the pool's closure -> this callback, which runs on the JavaScript
// thread, the only one that may drop JavaScript references. A null `env` means that the environment is gone,
// and with it the references: they must not be touched.
void AsyncTask::on_done(Napi::Env env, Napi::Function, AsyncTask* task) {
  const std::unique_ptr<AsyncTask> owner(task);
  if (static_cast<napi_env>(env) != nullptr) {
    owner->settle(env);
  } else {
    for (auto& reference : owner->pinned_) reference.SuppressDestruct();
  }
}

void AsyncTask::finish() {
  Environment* const environment = environment_;
  Napi::ThreadSafeFunction notify = notify_;
  // A refusal means that the environment is going down and has released the function itself. The task is
  // left alone then: it holds references that only the (ending) JavaScript thread could drop.
  if (notify.BlockingCall(this, on_done) == napi_ok) notify.Release();
  environment->end();
}

Napi::Value AsyncTask::start(Napi::Env env, std::unique_ptr<AsyncTask> task, std::size_t count,
                             std::size_t width) {
  task->environment_ = &Environment::of(env);
  task->deferred_ = std::make_unique<Napi::Promise::Deferred>(env);
  task->notify_ = Napi::ThreadSafeFunction::New(env, Napi::Function(), "diptych", 0, 1);
  const Napi::Promise promise = task->deferred_->Promise();
  AsyncTask* const raw = task.get();
  raw->environment_->begin();
  const bool queued = base::ThreadPool::shared().submit(
      {count, width, [raw](std::size_t index) { raw->run_item(index); }, [raw] { raw->finish(); }});
  if (queued) {
    (void)task.release();
  } else {
    raw->notify_.Release();
    raw->environment_->end();
    raw->failure_ = {Code::out_of_memory, "too many calls are waiting: await some before starting more"};
    raw->settle(env);
  }
  return promise;
}

}  // namespace diptych::bind
