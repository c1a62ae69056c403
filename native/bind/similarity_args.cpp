#include "bind/similarity_args.hpp"

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "base/aligned_buffer.hpp"
#include "bind/throw.hpp"

namespace diptych::bind {

using base::Code;
using similarity::DType;
using similarity::Options;
using similarity::Rows;

namespace {

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

template <class T>
T choice_of(Napi::Env env, const std::string& value,
            std::initializer_list<std::pair<std::string_view, T>> choices) {
  for (const auto& [name, choice] : choices) {
    if (name == value) return choice;
  }
  throw_error(env, Code::bad_option, "unknown option value " + value);
}

const NamedType& named_type(Napi::Object object, const std::string& where) {
  const std::string name = Fields(object, where).string("type");
  for (const NamedType& type : row_types) {
    if (type.name == name) return type;
  }
  throw_error(object.Env(), Code::bad_input, where + ".type is not an element type");
}

}  // namespace

DType type_of(Napi::Object object, const std::string& where) { return named_type(object, where).type; }

BoundRows rows_of(Napi::Value value, const std::string& where) {
  if (!value.IsObject()) throw_error(value.Env(), Code::bad_input, where + " must be an object");
  const Napi::Object object = value.As<Napi::Object>();
  const Fields fields(object, where);
  const NamedType& type = named_type(object, where);
  const Napi::Value data = object.Get("data");
  const auto bytes = typed_array_bytes(where + ".data", data, type.array);
  Rows rows{bytes.data(), type.type, fields.size("rows", 0, std::numeric_limits<std::int32_t>::max()),
            fields.size("dim", 1, std::numeric_limits<std::int32_t>::max())};
  std::size_t expected = 0;
  if (!base::multiply(rows.rows, rows.stride(), &expected) || expected != bytes.size()) {
    throw_error(object.Env(), Code::bad_input, where + ".data must hold rows * dim elements");
  }
  return {rows, data};
}

BoundRows rows_argument(const Args& args, std::size_t index, std::string_view name) {
  return rows_of(args.value(index), args.where(name));
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

similarity::LogitOptions logit_options(const Args& args, std::size_t index) {
  const Napi::Object object = args.object(index, "logits");
  const Fields fields(object, args.where("logits"));
  using similarity::Activation;
  return {
      fields.number("scale"), fields.number("bias"),
      choice_of<Activation>(
          object.Env(), fields.string("activation"),
          {{"none", Activation::none}, {"softmax", Activation::softmax}, {"sigmoid", Activation::sigmoid}}),
      fields.size("vectors", 1, std::size_t{1} << 20)};
}

Computation::Computation(Options options, Body body, Result result)
    : options_(std::move(options)), body_(std::move(body)), result_(std::move(result)) {
  options_.cancelled = [this] { return cancelled(); };
}

Napi::Value start(const Args& args, Napi::Env env, const std::vector<Napi::Value>& pinned,
                  std::size_t cancel_index, Work work) {
  auto task =
      std::make_unique<Computation>(std::move(work.options), std::move(work.body), std::move(work.result));
  for (const Napi::Value& value : pinned) task->pin(value);
  task->cancel_by(args.value(cancel_index));
  return AsyncTask::start(env, std::move(task), 1, 1);
}

}  // namespace diptych::bind
