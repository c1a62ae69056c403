#include <dlfcn.h>

#include "bind/args.hpp"
#include "bind/exports.hpp"

namespace diptych::bind {
namespace {

// preloadLibrary(path): loads a shared library into the process for good, its symbols global, so that
// libraries loaded later find it by its SONAME. Returns null, or the loader's message.
Napi::Value preload_library(const Napi::CallbackInfo& info) {
  const Args args(info, "preloadLibrary", 1);
  const std::string path = args.string(0, "path");
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE) != nullptr) return info.Env().Null();
  const char* message = dlerror();
  return Napi::String::New(info.Env(), message == nullptr ? "the loader gave no reason" : message);
}

}  // namespace

void export_preload(Napi::Env env, Napi::Object exports) {
  exports.Set("preloadLibrary", Napi::Function::New(env, preload_library, "preloadLibrary"));
}

}  // namespace diptych::bind
