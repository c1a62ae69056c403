#include "base/cores.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace diptych::base {
namespace {

#if defined(__linux__)
constexpr double kNoLimit = std::numeric_limits<double>::infinity();

double quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return kNoLimit;
  return std::strtod(quota.c_str(), nullptr) / period;
}

double quota_v1(const std::string& folder) {
  double quota = 0;
  double period = 0;
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
  std::ifstream period_file(folder + "/cpu.cfs_period_us");
  if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0) return kNoLimit;
  return quota / period;
}

// The least quota on the way from `path` up to the root of the hierarchy that is mounted at `mount`.
template <class Read>
double least_quota(const std::string& mount, std::string path, Read read) {
  double least = read(mount);
  while (path.size() > 1) {
    least = std::min(least, read(mount + path));
    path.erase(path.rfind('/'));
  }
  return least;
}

double cgroup_limit() {
  double least = kNoLimit;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, least_quota("/sys/fs/cgroup", path, quota_v2));
    } else if ((controllers + ",").find("cpu,") != std::string::npos) {
      for (const char* mount : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"}) {
        least = std::min(least, least_quota(mount, path, quota_v1));
      }
    }
  }
  return least;
}

std::size_t affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<std::size_t>(CPU_COUNT(&set));
  return std::thread::hardware_concurrency();  // more than 1024 CPUs: the plain mask does not hold them
}
#endif

}  // namespace

std::size_t available_cores() noexcept {
  try {
#if defined(__linux__)
    const double cores = std::min(static_cast<double>(affinity()), std::ceil(cgroup_limit()));
    return std::max<std::size_t>(1, static_cast<std::size_t>(cores));
#else
    return std::max<std::size_t>(1, std::thread::hardware_concurrency());
#endif
  } catch (...) {
    return 1;
  }
}

}  // namespace diptych::base
