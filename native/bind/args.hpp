// JavaScript values -> C++ values: every argument check of the addon. A check that fails throws a Napi::Error
// that carries `code`, and names the function and the argument.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "base/status.hpp"

namespace diptych::bind {

template <class T>
constexpr napi_typedarray_type array_type() {
  if constexpr (std::is_same_v<T, float>) return napi_float32_array;
  if constexpr (std::is_same_v<T, double>) return napi_float64_array;
  if constexpr (std::is_same_v<T, std::uint8_t>) return napi_uint8_array;
  if constexpr (std::is_same_v<T, std::int8_t>) return napi_int8_array;
  if constexpr (std::is_same_v<T, std::uint16_t>) return napi_uint16_array;
  if constexpr (std::is_same_v<T, std::int16_t>) return napi_int16_array;
  if constexpr (std::is_same_v<T, std::uint32_t>) return napi_uint32_array;
  if constexpr (std::is_same_v<T, std::int32_t>) return napi_int32_array;
}

// A view of a typed array. The memory is good while `value` is kept from the garbage collector
// (AsyncTask::pin).
template <class T>
struct Slice {
  std::span<T> data;
  Napi::Value value;
};

// Kind of a typed array that passed the checks below (attached, not shared, not resizable).
[[nodiscard]] napi_typedarray_type typed_array_type(std::string_view where, Napi::Value value);
[[nodiscard]] std::span<std::byte> typed_array_bytes(std::string_view where, Napi::Value value,
                                                     napi_typedarray_type expected);

class Args {
 public:
  // Throws BAD_INPUT unless exactly `count` arguments came.
  Args(const Napi::CallbackInfo& info, std::string_view function, std::size_t count);

  [[nodiscard]] Napi::Value value(std::size_t index) const { return info_[index]; }
  [[nodiscard]] std::string string(std::size_t index, std::string_view name) const;
  [[nodiscard]] bool boolean(std::size_t index, std::string_view name) const;
  // A finite number.
  [[nodiscard]] double number(std::size_t index, std::string_view name) const;
  // A whole number in [least, most].
  [[nodiscard]] std::size_t size(std::size_t index, std::string_view name, std::size_t least = 0,
                                 std::size_t most = std::size_t{1} << 53) const;
  [[nodiscard]] Napi::Object object(std::size_t index, std::string_view name) const;
  [[nodiscard]] Napi::Array array(std::size_t index, std::string_view name) const;

  // A typed array of T that is attached, not shared and not resizable, of any length.
  template <class T>
  [[nodiscard]] Slice<T> typed(std::size_t index, std::string_view name) const {
    const auto bytes = typed_array_bytes(where(name), info_[index], array_type<T>());
    return {{reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)}, info_[index]};
  }
  // The same with exactly `length` elements.
  template <class T>
  [[nodiscard]] Slice<T> typed(std::size_t index, std::string_view name, std::size_t length) const {
    const auto slice = typed<T>(index, name);
    require(slice.data.size() == length, name,
            "must have " + std::to_string(length) + " elements, not " + std::to_string(slice.data.size()));
    return slice;
  }
  [[nodiscard]] bool is_nullish(std::size_t index) const {
    return info_[index].IsNull() || info_[index].IsUndefined();
  }

  // Throws BAD_INPUT with "function: name <what>" unless `condition`.
  void require(bool condition, std::string_view name, std::string_view what) const;
  [[nodiscard]] std::string where(std::string_view name) const;

 private:
  const Napi::CallbackInfo& info_;
  std::string function_;
};

// Members of an options object, with the same checks.
class Fields {
 public:
  Fields(Napi::Object object, std::string where) : object_(object), where_(std::move(where)) {}
  [[nodiscard]] std::string string(const char* key) const;
  [[nodiscard]] bool boolean(const char* key) const;
  [[nodiscard]] double number(const char* key) const;
  [[nodiscard]] std::size_t size(const char* key, std::size_t least = 0,
                                 std::size_t most = std::size_t{1} << 53) const;
  // An array of exactly `out.size()` finite numbers.
  void numbers(const char* key, std::span<double> out) const;

 private:
  [[nodiscard]] Napi::Value get(const char* key) const { return object_.Get(key); }
  Napi::Object object_;
  std::string where_;
};

}  // namespace diptych::bind
