#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "image/preprocess.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

class File {
 public:
  // Non-blocking, so that opening a pipe that nobody writes to does not wait for ever.
  explicit File(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

Status system_failure(const std::string& path, int error) {
  const std::string why = std::generic_category().message(error);
  const bool missing = error == ENOENT || error == ENOTDIR;
  // Text that came of bytes that are no UTF-8 has this character for them.
  if (missing && path.find("\xEF\xBF\xBD") != std::string::npos) {
    return Status::fail(Code::input_not_found,
                        "no such file; if its name is no UTF-8, give the folder it is in, or rename it");
  }
  if (missing) return Status::fail(Code::input_not_found, "no such file");
  return Status::fail(Code::input_unreadable, "cannot be read: " + why);
}

}  // namespace

Status read_file(const std::string& path, const Options& options, Bytes& bytes) {
  if (path.find('\0') != std::string::npos) {
    return Status::fail(Code::input_not_found, "a path cannot hold a NUL character");
  }
  const File file(path);
  if (file.descriptor() < 0) return system_failure(path, errno);
  struct stat about {};
  if (fstat(file.descriptor(), &about) != 0) return system_failure(path, errno);
  if (!S_ISREG(about.st_mode)) {
    return Status::fail(Code::input_unreadable,
                        S_ISDIR(about.st_mode) ? "is a folder, not a picture" : "is not a regular file");
  }
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size > options.max_bytes) {
    return Status::fail(Code::image_too_large, "has " + std::to_string(size) +
                                                   " bytes, more than the limit of " +
                                                   std::to_string(options.max_bytes) + " (maxBytes)");
  }
  auto& buffer = Scratch::of_this_thread().file;
  if (!buffer.reserve(size)) return Status::fail(Code::out_of_memory, "does not fit into memory");
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = read(file.descriptor(), buffer.data() + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(path, errno);
    if (got == 0) break;  // it became shorter meanwhile
    have += static_cast<std::size_t>(got);
  }
  bytes = {buffer.data(), have};
  return Status::good();
}

}  // namespace diptych::image
