#pragma once

#include <napi.h>

#include <string>

#include "base/status.hpp"

namespace diptych::bind {

// A JavaScript Error with `code`; src/native/load.ts's callers turn it into a DiptychError.
[[nodiscard]] Napi::Error make_error(Napi::Env env, base::Code code, const std::string& message);
[[noreturn]] void throw_error(Napi::Env env, base::Code code, const std::string& message);
// Throws unless the status is good.
void throw_if_failed(Napi::Env env, const base::Status& status);

// Runs `body`, turning a C++ exception (out of memory, above all) into a JavaScript Error with a code.
template <class Body>
Napi::Value guarded(const Napi::CallbackInfo& info, Body body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw_error(info.Env(), base::Code::out_of_memory,
                "not enough memory for this call: pass smaller batches");
  }
}

}  // namespace diptych::bind
