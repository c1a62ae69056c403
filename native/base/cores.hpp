#pragma once

#include <cstddef>

namespace diptych::base {

// Cores that this process may use: the least of its affinity mask and of the CPU quota of its cgroup and of
// every group above it (v1 and v2), at least 1. Read again on each call, since quotas change.
[[nodiscard]] std::size_t available_cores() noexcept;

}  // namespace diptych::base
