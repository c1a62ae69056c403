#include "bind/throw.hpp"

namespace diptych::bind {

Napi::Error make_error(Napi::Env env, base::Code code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, std::string(base::name_of(code))));
  return error;
}

void throw_error(Napi::Env env, base::Code code, const std::string& message) {
  throw make_error(env, code, message);
}

void throw_if_failed(Napi::Env env, const base::Status& status) {
  if (!status.ok()) throw_error(env, status.code, status.message);
}

}  // namespace diptych::bind
