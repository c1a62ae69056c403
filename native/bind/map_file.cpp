// mapFile: see src/native/similarity-binding.ts.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "bind/args.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"

namespace diptych::bind {
namespace {

using base::Code;

// Pages that hold the bytes asked for: a mapping begins at a multiple of a page.
struct Mapping {
  std::byte* memory;
  std::size_t size;
  std::size_t before;  // bytes of the first page that were not asked for
};

// Private and writable: whoever writes to the array changes a copy of the page, where a read-only mapping
// would end the process.
Mapping map(Napi::Env env, const std::string& path, std::size_t offset, std::size_t bytes) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (descriptor < 0 || ::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    const Code code = descriptor < 0 && errno == ENOENT ? Code::input_not_found : Code::input_unreadable;
    const std::string why = descriptor < 0 ? std::strerror(errno) : "not a file";
    if (descriptor >= 0) ::close(descriptor);
    throw_error(env, code, path + ": cannot open the file: " + why);
  }
  const auto length = static_cast<std::size_t>(info.st_size);
  if (length < offset || length - offset < bytes) {
    ::close(descriptor);
    throw_error(env, Code::input_unreadable, path + ": holds fewer rows than its header says");
  }
  const std::size_t before = offset % static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const memory = ::mmap(nullptr, before + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor,
                              static_cast<off_t>(offset - before));
  const std::string why = std::strerror(errno);
  ::close(descriptor);
  if (memory == MAP_FAILED) throw_error(env, Code::input_unreadable, path + ": cannot map the file: " + why);
  return {static_cast<std::byte*>(memory), before + bytes, before};
}

Napi::Value map_file(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Args args(info, "mapFile", 3);
    const std::size_t bytes = args.size(2, "bytes", 1, std::size_t{1} << 40);
    const Mapping mapping =
        map(info.Env(), args.string(0, "path"), args.size(1, "offset", 0, std::size_t{1} << 50), bytes);
    return Napi::ArrayBuffer::New(
        info.Env(), mapping.memory + mapping.before, bytes,
        [mapping](Napi::BasicEnv, void*) { ::munmap(mapping.memory, mapping.size); });
  });
}

}  // namespace

void export_map_file(Napi::Env env, Napi::Object exports) {
  exports.Set("mapFile", Napi::Function::New(env, map_file, "mapFile"));
}

}  // namespace diptych::bind
