// Registers the exported functions; nothing else. src/native/binding.ts describes them.
#include <napi.h>

#include "bind/async_task.hpp"
#include "bind/exports.hpp"

namespace {

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(
      new diptych::bind::Environment(env));  // freed by the environment, after its cleanup hooks
  diptych::bind::export_cpu(env, exports);
  diptych::bind::export_preprocess(env, exports);
  diptych::bind::export_preload(env, exports);
  diptych::bind::export_limits(env, exports);
  diptych::bind::export_similarity(env, exports);
  diptych::bind::export_block_search(env, exports);
  diptych::bind::export_corpus(env, exports);
  diptych::bind::export_map_file(env, exports);
  diptych::bind::export_lock_folder(env, exports);
  diptych::bind::export_matching(env, exports);
  diptych::bind::export_training(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(diptych, initialise)
