#include <array>
#include <string>

#include "base/cores.hpp"
#include "base/heap.hpp"
#include "bind/args.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"
#include "kernels/cpu_features.hpp"
#include "kernels/dispatch.hpp"
#include "kernels/normalise/kernel.hpp"
#include "kernels/resize/kernel.hpp"
#include "similarity/active.hpp"

namespace diptych::bind {
namespace {

Napi::String text(Napi::Env env, std::string_view value) {
  return Napi::String::New(env, value.data(), value.size());
}

Napi::Value available_cores(const Napi::CallbackInfo& info) {
  const Args args(info, "availableCores", 0);
  return Napi::Number::New(info.Env(), static_cast<double>(base::available_cores()));
}

Napi::Value keep_large_blocks_apart(const Napi::CallbackInfo& info) {
  const Args args(info, "keepLargeBlocksApart", 1);
  base::keep_large_blocks_apart(args.boolean(0, "apart"));
  return info.Env().Undefined();
}

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  const Args args(info, "cpuInfo", 0);
  const Napi::Env env = info.Env();
  require_kernels(env);

  const Napi::Array features = Napi::Array::New(env);
  for (const auto& [feature, name] : kernels::named_features) {
    if (kernels::detected().contains(feature)) features.Set(features.Length(), text(env, name));
  }
  const Napi::Array families = Napi::Array::New(env);
  for (const auto family : kernels::runnable_families(kernels::detected())) {
    families.Set(families.Length(), text(env, kernels::family_name(family)));
  }
  const Napi::Object active = Napi::Object::New(env);
  active.Set("resize", text(env, kernels::resize::active().name));
  active.Set("normalise", text(env, kernels::normalise::active().name));
  active.Set("similarity.fp32", text(env, similarity::active_fp32().name));
  active.Set("similarity.bf16", text(env, similarity::active_bf16().name));
  active.Set("similarity.int8", text(env, similarity::active_int8().name));
  active.Set("similarity.rows", text(env, similarity::active_rows().name));

  const Napi::Object result = Napi::Object::New(env);
  result.Set("features", features);
  result.Set("kernels", families);
  result.Set("chosen", text(env, kernels::family_name(kernels::choice().family)));
  result.Set("active", active);
  return result;
}

}  // namespace

void require_kernels(Napi::Env env) {
  const auto& error = kernels::choice().error;
  if (!error.empty()) throw_error(env, base::Code::kernel_unavailable, error);
}

void export_cpu(Napi::Env env, Napi::Object exports) {
  exports.Set("availableCores", Napi::Function::New(env, available_cores, "availableCores"));
  exports.Set("cpuInfo", Napi::Function::New(env, cpu_info, "cpuInfo"));
  exports.Set("keepLargeBlocksApart",
              Napi::Function::New(env, keep_large_blocks_apart, "keepLargeBlocksApart"));
}

}  // namespace diptych::bind
