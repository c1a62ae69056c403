// mapFile: see src/native/similarity-binding.ts.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "bind/args.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"

namespace diptych::bind {
namespace {

using base::Code;

// Private and writable: whoever writes to the array changes a copy of the page, where a read-only mapping
// would end the process.
void* map(Napi::Env env, const std::string& path, std::size_t& size) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info {};
  if (descriptor < 0 || ::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    const Code code = descriptor < 0 && errno == ENOENT ? Code::input_not_found : Code::input_unreadable;
    const std::string why = descriptor < 0 ? std::strerror(errno) : "not a file";
    if (descriptor >= 0) ::close(descriptor);
    throw_error(env, code, path + ": cannot open the file: " + why);
  }
  size = static_cast<std::size_t>(info.st_size);
  void* memory =
      size == 0 ? MAP_FAILED : ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
  const std::string why = size == 0 ? "it is empty" : std::strerror(errno);
  ::close(descriptor);
  if (memory == MAP_FAILED) throw_error(env, Code::input_unreadable, path + ": cannot map the file: " + why);
  return memory;
}

Napi::Value map_file(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Args args(info, "mapFile", 1);
    std::size_t size = 0;
    void* const memory = map(info.Env(), args.string(0, "path"), size);
    return Napi::ArrayBuffer::New(info.Env(), memory, size,
                                  [size](Napi::BasicEnv, void* mapped) { ::munmap(mapped, size); });
  });
}

}  // namespace

void export_map_file(Napi::Env env, Napi::Object exports) {
  exports.Set("mapFile", Napi::Function::New(env, map_file, "mapFile"));
}

}  // namespace diptych::bind
