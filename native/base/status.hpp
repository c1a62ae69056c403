// What a stage of the addon answers: nothing here knows JavaScript (bind/throw.cpp turns it into an Error).
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace diptych::base {

// The codes of src/errors.ts that native code can give.
enum class Code {
  ok,
  bad_option,
  bad_input,
  dimension_mismatch,
  input_not_found,
  input_unreadable,
  image_empty,
  image_truncated,
  image_corrupt,
  image_too_large,
  image_unsupported,
  image_size,
  image_timeout,
  kernel_unavailable,
  output_failed,
  out_of_memory,
  aborted,
};

[[nodiscard]] constexpr std::string_view name_of(Code code) noexcept {
  switch (code) {
    case Code::ok:
      return "OK";
    case Code::bad_option:
      return "BAD_OPTION";
    case Code::bad_input:
      return "BAD_INPUT";
    case Code::dimension_mismatch:
      return "DIMENSION_MISMATCH";
    case Code::input_not_found:
      return "INPUT_NOT_FOUND";
    case Code::input_unreadable:
      return "INPUT_UNREADABLE";
    case Code::image_empty:
      return "IMAGE_EMPTY";
    case Code::image_truncated:
      return "IMAGE_TRUNCATED";
    case Code::image_corrupt:
      return "IMAGE_CORRUPT";
    case Code::image_too_large:
      return "IMAGE_TOO_LARGE";
    case Code::image_unsupported:
      return "IMAGE_UNSUPPORTED";
    case Code::image_size:
      return "IMAGE_SIZE";
    case Code::image_timeout:
      return "IMAGE_TIMEOUT";
    case Code::kernel_unavailable:
      return "KERNEL_UNAVAILABLE";
    case Code::output_failed:
      return "OUTPUT_FAILED";
    case Code::out_of_memory:
      return "OUT_OF_MEMORY";
    case Code::aborted:
      return "ABORTED";
  }
  return "BAD_INPUT";
}

struct [[nodiscard]] Status {
  Code code = Code::ok;
  std::string message;

  [[nodiscard]] bool ok() const noexcept { return code == Code::ok; }
  static Status good() noexcept { return {}; }
  static Status fail(Code why, std::string what) { return {why, std::move(what)}; }
};

}  // namespace diptych::base
