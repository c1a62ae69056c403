// similarityDense(a, b, out, options, cancel), similarityTopK(queries, rows, k, indices, scores, options,
// cancel): see src/native/similarity-binding.ts.
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "base/aligned_buffer.hpp"
#include "bind/args.hpp"
#include "bind/async_task.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"
#include "similarity/dense.hpp"
#include "similarity/topk.hpp"

namespace diptych::bind {
namespace {

using base::Code;
using base::Status;
using similarity::DType;
using similarity::Options;
using similarity::Rows;

struct BoundRows {
  Rows rows;
  Napi::Value data;
};

struct NamedType {
  std::string_view name;
  DType type;
  napi_typedarray_type array;
};
constexpr NamedType row_types[] = {
    {"float32", DType::float32, napi_float32_array},
    {"float16", DType::float16, napi_uint16_array},
    {"bfloat16", DType::bfloat16, napi_uint16_array},
    {"int8", DType::int8, napi_int8_array},
};

// {data, type, rows, dim}: a whole matrix, or nothing is read.
BoundRows rows_argument(const Args& args, std::size_t index, std::string_view name) {
  const Napi::Object object = args.object(index, name);
  const std::string where = args.where(name);
  const Fields fields(object, where);
  const std::string type_name = fields.string("type");
  for (const NamedType& type : row_types) {
    if (type.name != type_name) continue;
    const Napi::Value data = object.Get("data");
    const auto bytes = typed_array_bytes(where + ".data", data, type.array);
    Rows rows{bytes.data(), type.type, fields.size("rows", 0, std::numeric_limits<std::int32_t>::max()),
              fields.size("dim", 1, std::numeric_limits<std::int32_t>::max())};
    std::size_t expected = 0;
    const bool fits = base::multiply(rows.rows, rows.stride(), &expected);
    args.require(fits && expected == bytes.size(), name, "data must hold rows * dim elements");
    return {rows, data};
  }
  throw_error(object.Env(), Code::bad_input, where + ".type is not an element type");
}

template <class T>
T choice_of(Napi::Env env, const std::string& value,
            std::initializer_list<std::pair<std::string_view, T>> choices) {
  for (const auto& [name, choice] : choices) {
    if (name == value) return choice;
  }
  throw_error(env, Code::bad_option, "unknown option value " + value);
}

Options options_argument(const Args& args, std::size_t index) {
  const Napi::Object object = args.object(index, "options");
  const Fields fields(object, args.where("options"));
  using similarity::Metric;
  using similarity::Precision;
  Options options;
  options.metric = choice_of<Metric>(object.Env(), fields.string("metric"),
                                     {{"cosine", Metric::cosine}, {"dot", Metric::dot}});
  options.precision = choice_of<Precision>(object.Env(), fields.string("precision"),
                                           {{"exact", Precision::exact},
                                            {"fp32", Precision::fp32},
                                            {"bf16", Precision::bf16},
                                            {"int8", Precision::int8}});
  options.threads = fields.size("threads", 1, 256);
  return options;
}

// A computation on the pool: it splits its own work into slabs, so for the task it is one item.
class Computation final : public AsyncTask {
 public:
  using Body = std::function<Status(const Options&)>;
  Computation(Options options, Body body) : options_(std::move(options)), body_(std::move(body)) {
    options_.cancelled = [this] { return cancelled(); };
  }

 protected:
  Status item(std::size_t) override { return body_(options_); }
  Napi::Value result(Napi::Env env) override { return env.Undefined(); }

 private:
  Options options_;
  Body body_;
};

Napi::Value start(const Args& args, Napi::Env env, std::initializer_list<Napi::Value> pinned,
                  std::size_t cancel_index, Options options, Computation::Body body) {
  auto task = std::make_unique<Computation>(std::move(options), std::move(body));
  for (const Napi::Value& value : pinned) task->pin(value);
  task->cancel_by(args.value(cancel_index));
  return AsyncTask::start(env, std::move(task), 1, 1);
}

Napi::Value dense(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "similarityDense", 5);
    const BoundRows a = rows_argument(args, 0, "a");
    const BoundRows b = rows_argument(args, 1, "b");
    args.require(a.rows.dim == b.rows.dim, "b", "must have a's dim");
    std::size_t elements = 0;
    args.require(base::multiply(a.rows.rows, b.rows.rows, &elements), "out", "would be too large");
    const auto out = args.typed<float>(2, "out", elements);
    return start(args, info.Env(), {a.data, b.data, out.value}, 4, options_argument(args, 3),
                 [a = a.rows, b = b.rows, out = out.data](const Options& options) {
                   return similarity::dense(a, b, out, options);
                 });
  });
}

Napi::Value top_k(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "similarityTopK", 7);
    const BoundRows queries = rows_argument(args, 0, "queries");
    const BoundRows rows = rows_argument(args, 1, "rows");
    args.require(queries.rows.dim == rows.rows.dim, "rows", "must have the queries' dim");
    const std::size_t k = args.size(2, "k", 1);
    args.require(k <= rows.rows.rows, "k", "must not be more than there are rows");
    std::size_t elements = 0;
    args.require(base::multiply(queries.rows.rows, k, &elements), "k", "is too large");
    const auto indices = args.typed<std::int32_t>(3, "indices", elements);
    const auto scores = args.typed<float>(4, "scores", elements);
    return start(args, info.Env(), {queries.data, rows.data, indices.value, scores.value}, 6,
                 options_argument(args, 5),
                 [q = queries.rows, r = rows.rows, k, i = indices.data, s = scores.data](
                     const Options& options) { return similarity::top_k(q, r, k, i, s, options); });
  });
}

}  // namespace

void export_similarity(Napi::Env env, Napi::Object exports) {
  exports.Set("similarityDense", Napi::Function::New(env, dense, "similarityDense"));
  exports.Set("similarityTopK", Napi::Function::New(env, top_k, "similarityTopK"));
}

}  // namespace diptych::bind
