#include "bind/args.hpp"

#include "bind/throw.hpp"

namespace diptych::bind {
namespace {

using base::Code;

std::string checked_string(std::string_view where, Napi::Value value) {
  if (!value.IsString()) throw_error(value.Env(), Code::bad_input, std::string(where) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

bool checked_boolean(std::string_view where, Napi::Value value) {
  if (!value.IsBoolean())
    throw_error(value.Env(), Code::bad_input, std::string(where) + " must be true or false");
  return value.As<Napi::Boolean>().Value();
}

double finite_number(std::string_view where, Napi::Value value) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!std::isfinite(number)) {
    throw_error(value.Env(), Code::bad_input, std::string(where) + " must be a finite number");
  }
  return number;
}

std::size_t whole_number(std::string_view where, Napi::Value value, std::size_t least, std::size_t most) {
  const double number = finite_number(where, value);
  if (number != std::floor(number) || number < static_cast<double>(least) ||
      number > static_cast<double>(most)) {
    throw_error(value.Env(), Code::bad_input,
                std::string(where) + " must be a whole number from " + std::to_string(least) + " to " +
                    std::to_string(most));
  }
  return static_cast<std::size_t>(number);
}

constexpr std::string_view type_name(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array:
      return "Float32Array";
    case napi_float64_array:
      return "Float64Array";
    case napi_uint8_array:
      return "Uint8Array";
    case napi_int8_array:
      return "Int8Array";
    case napi_uint16_array:
      return "Uint16Array";
    case napi_int16_array:
      return "Int16Array";
    case napi_uint32_array:
      return "Uint32Array";
    case napi_int32_array:
      return "Int32Array";
    default:
      return "typed array";
  }
}

// Memory that JavaScript may unmap (resizable) or write from another thread (shared) is refused, as is an
// array whose buffer was transferred away: its length reads 0, which would pass for an empty array.
void check_buffer(std::string_view where, Napi::TypedArray array) {
  const Napi::Env env = array.Env();
  napi_value buffer_value = nullptr;
  if (napi_get_typedarray_info(env, array, nullptr, nullptr, nullptr, &buffer_value, nullptr) != napi_ok) {
    throw_error(env, Code::bad_input, std::string(where) + " cannot be read");
  }
  const Napi::Value buffer(env, buffer_value);
  if (!buffer.IsArrayBuffer()) {
    throw_error(env, Code::bad_input,
                std::string(where) + " must not be backed by a SharedArrayBuffer: pass a copy");
  }
  if (buffer.As<Napi::ArrayBuffer>().IsDetached()) {
    throw_error(env, Code::bad_input, std::string(where) + " is detached (its buffer was transferred away)");
  }
  const Napi::Value resizable = buffer.As<Napi::Object>().Get("resizable");
  if (resizable.IsBoolean() && resizable.As<Napi::Boolean>().Value()) {
    throw_error(env, Code::bad_input,
                std::string(where) + " must not be backed by a resizable buffer: pass a copy");
  }
}

}  // namespace

napi_typedarray_type typed_array_type(std::string_view where, Napi::Value value) {
  if (!value.IsTypedArray())
    throw_error(value.Env(), Code::bad_input, std::string(where) + " must be a typed array");
  check_buffer(where, value.As<Napi::TypedArray>());
  return value.As<Napi::TypedArray>().TypedArrayType();
}

std::span<std::byte> typed_array_bytes(std::string_view where, Napi::Value value,
                                       napi_typedarray_type expected) {
  const bool right = value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == expected;
  if (!right) {
    throw_error(value.Env(), Code::bad_input,
                std::string(where) + " must be a " + std::string(type_name(expected)));
  }
  const auto array = value.As<Napi::TypedArray>();
  check_buffer(where, array);
  if (array.ByteLength() == 0) return {};
  auto* const start = static_cast<std::byte*>(array.ArrayBuffer().Data());
  return {start + array.ByteOffset(), array.ByteLength()};
}

Args::Args(const Napi::CallbackInfo& info, std::string_view function, std::size_t count)
    : info_(info), function_(function) {
  if (info.Length() != count) {
    throw_error(
        info.Env(), Code::bad_input,
        function_ + " takes " + std::to_string(count) + " arguments, not " + std::to_string(info.Length()));
  }
}

std::string Args::where(std::string_view name) const { return function_ + ": " + std::string(name); }

void Args::require(bool condition, std::string_view name, std::string_view what) const {
  if (!condition) throw_error(info_.Env(), Code::bad_input, where(name) + " " + std::string(what));
}

std::string Args::string(std::size_t index, std::string_view name) const {
  return checked_string(where(name), info_[index]);
}
bool Args::boolean(std::size_t index, std::string_view name) const {
  return checked_boolean(where(name), info_[index]);
}
double Args::number(std::size_t index, std::string_view name) const {
  return finite_number(where(name), info_[index]);
}
std::size_t Args::size(std::size_t index, std::string_view name, std::size_t least, std::size_t most) const {
  return whole_number(where(name), info_[index], least, most);
}

Napi::Object Args::object(std::size_t index, std::string_view name) const {
  require(info_[index].IsObject(), name, "must be an object");
  return info_[index].As<Napi::Object>();
}

Napi::Array Args::array(std::size_t index, std::string_view name) const {
  require(info_[index].IsArray(), name, "must be an array");
  return info_[index].As<Napi::Array>();
}

std::string Fields::string(const char* key) const { return checked_string(where_ + "." + key, get(key)); }
bool Fields::boolean(const char* key) const { return checked_boolean(where_ + "." + key, get(key)); }
double Fields::number(const char* key) const { return finite_number(where_ + "." + key, get(key)); }
std::size_t Fields::size(const char* key, std::size_t least, std::size_t most) const {
  return whole_number(where_ + "." + key, get(key), least, most);
}

void Fields::numbers(const char* key, std::span<double> out) const {
  const Napi::Value value = get(key);
  const std::string where = where_ + "." + key;
  if (!value.IsArray() || value.As<Napi::Array>().Length() != out.size()) {
    throw_error(object_.Env(), Code::bad_input,
                where + " must be an array of " + std::to_string(out.size()) + " numbers");
  }
  for (std::uint32_t i = 0; i < out.size(); ++i) {
    out[i] = finite_number(where + "[" + std::to_string(i) + "]", value.As<Napi::Array>().Get(i));
  }
}

}  // namespace diptych::bind
