// lockFolder: see src/native/binding.ts.
#include "base/folder_lock.hpp"

#include "bind/args.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"

namespace diptych::bind {
namespace {

Napi::Value lock_folder(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Args args(info, "lockFolder", 1);
    const auto descriptor = base::lock_folder(args.string(0, "path"));
    if (!descriptor.has_value()) return info.Env().Null();
    return Napi::Number::New(info.Env(), *descriptor);
  });
}

}  // namespace

void export_lock_folder(Napi::Env env, Napi::Object exports) {
  exports.Set("lockFolder", Napi::Function::New(env, lock_folder, "lockFolder"));
}

}  // namespace diptych::bind
