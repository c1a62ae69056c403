// Work split into slabs that threads take one by one.
#pragma once

#include <cstddef>
#include <functional>

#include "base/status.hpp"
#include "similarity/options.hpp"

namespace diptych::similarity {

// Workers that for_each_slab will run at most for `slabs` slabs.
[[nodiscard]] std::size_t worker_count(std::size_t slabs, const Options& options) noexcept;

// work(worker, slab) for each slab of 0 .. slabs-1, on up to options.threads threads of the addon's pool; a
// worker runs on one thread at a time, so that it may have buffers of its own. Ends early with the first
// failure, or with Code::aborted when options.cancelled() says so. Memory that cannot be had is a failure,
// not an exception.
[[nodiscard]] base::Status for_each_slab(
    std::size_t slabs, const Options& options,
    const std::function<base::Status(std::size_t worker, std::size_t slab)>& work);

}  // namespace diptych::similarity
