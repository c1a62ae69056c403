#include "base/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace diptych::base {

// flock() belongs to the open folder: the kernel lets it go when the process ends, by kill -9 too, so that no
// stale lock stands in the way of a resumed run. It needs no file of its own among the results.
std::optional<int> lock_folder(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor == -1) return no_locks_here;
  int result = ::flock(descriptor, LOCK_EX | LOCK_NB);
  while (result == -1 && errno == EINTR) result = ::flock(descriptor, LOCK_EX | LOCK_NB);
  if (result == 0) return descriptor;
  const bool busy = errno == EWOULDBLOCK;
  ::close(descriptor);
  if (busy) return std::nullopt;
  return no_locks_here;
}

}  // namespace diptych::base
