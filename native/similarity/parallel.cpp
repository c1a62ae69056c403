#include "similarity/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>

#include "base/thread_pool.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

std::size_t worker_count(std::size_t slabs, const Options& options) noexcept {
  return std::max<std::size_t>(1, std::min(slabs, options.threads));
}

Status for_each_slab(std::size_t slabs, const Options& options,
                     const std::function<Status(std::size_t, std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;
  Status failure;
  const auto run = [&](std::size_t worker, std::size_t slab) noexcept -> Status {
    try {
      if (options.cancelled()) return Status::fail(Code::aborted, "the operation was aborted");
      return work(worker, slab);
    } catch (const std::bad_alloc&) {
      return {Code::out_of_memory, {}};
    }
  };
  const std::size_t workers = worker_count(slabs, options);
  base::ThreadPool::shared().for_each(workers, workers, [&](std::size_t worker) {
    for (std::size_t slab = next++; slab < slabs && !failed; slab = next++) {
      Status status = run(worker, slab);
      if (status.ok()) continue;
      const std::lock_guard lock(mutex);
      if (!failed.exchange(true)) failure = std::move(status);
    }
  });
  if (failure.code == Code::out_of_memory && failure.message.empty()) {
    failure.message = "not enough memory for this call: pass fewer queries, or a smaller k";
  }
  return failure;
}

}  // namespace diptych::similarity
