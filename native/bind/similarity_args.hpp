// Arguments that the similarity exports share, and the task they run as.
#pragma once

#include <napi.h>

#include <functional>
#include <initializer_list>
#include <string_view>

#include "base/status.hpp"
#include "bind/args.hpp"
#include "bind/async_task.hpp"
#include "similarity/logits.hpp"
#include "similarity/options.hpp"
#include "similarity/rows.hpp"

namespace diptych::bind {

struct BoundRows {
  similarity::Rows rows;
  Napi::Value data;
};

// The element type that `object.type` names.
[[nodiscard]] similarity::DType type_of(Napi::Object object, const std::string& where);
// {data, type, rows, dim}: a whole matrix, or nothing is read.
[[nodiscard]] BoundRows rows_of(Napi::Value value, const std::string& where);
[[nodiscard]] BoundRows rows_argument(const Args& args, std::size_t index, std::string_view name);
// {metric, precision, threads}
[[nodiscard]] similarity::Options options_argument(const Args& args, std::size_t index);

// {scale, bias, activation, vectors}
[[nodiscard]] similarity::LogitOptions logit_options(const Args& args, std::size_t index);

// A computation on the pool: it splits its own work into slabs, so for the task it is one item.
class Computation final : public AsyncTask {
 public:
  using Body = std::function<base::Status(const similarity::Options&)>;
  using Result = std::function<Napi::Value(Napi::Env)>;
  Computation(similarity::Options options, Body body, Result result);

 protected:
  base::Status item(std::size_t) override { return body_(options_); }
  Napi::Value result(Napi::Env env) override { return result_(env); }

 private:
  similarity::Options options_;
  Body body_;
  Result result_;
};

struct Work {
  similarity::Options options;
  Computation::Body body;
  // On the JavaScript thread, when the body is done; default: undefined.
  Computation::Result result = [](Napi::Env env) { return env.Undefined(); };
};

[[nodiscard]] Napi::Value start(const Args& args, Napi::Env env, const std::vector<Napi::Value>& pinned,
                                std::size_t cancel_index, Work work);

}  // namespace diptych::bind
