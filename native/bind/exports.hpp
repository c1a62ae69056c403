// What each file of this folder adds to the addon's exports.
#pragma once

#include <napi.h>

namespace diptych::bind {

inline void add_function(Napi::Object exports, const char* name,
                         Napi::Value (*function)(const Napi::CallbackInfo&)) {
  exports.Set(name, Napi::Function::New(exports.Env(), function, name));
}

void export_cpu(Napi::Env env, Napi::Object exports);
void export_preprocess(Napi::Env env, Napi::Object exports);
void export_preload(Napi::Env env, Napi::Object exports);
void export_limits(Napi::Env env, Napi::Object exports);
void export_similarity(Napi::Env env, Napi::Object exports);
void export_block_search(Napi::Env env, Napi::Object exports);
void export_corpus(Napi::Env env, Napi::Object exports);
void export_map_file(Napi::Env env, Napi::Object exports);
void export_lock_folder(Napi::Env env, Napi::Object exports);
void export_matching(Napi::Env env, Napi::Object exports);
void export_training(Napi::Env env, Napi::Object exports);

// Throws KERNEL_UNAVAILABLE when DIPTYCH_KERNEL cannot be honoured: every export that computes calls it
// first.
void require_kernels(Napi::Env env);

}  // namespace diptych::bind
