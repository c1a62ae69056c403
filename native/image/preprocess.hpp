// Bytes of one picture -> one slot of a batch.
#pragma once

#include <string>
#include <string_view>

#include "base/status.hpp"
#include "image/decode.hpp"
#include "kernels/normalise/kernel.hpp"

namespace diptych::image {

[[nodiscard]] std::string_view format_name(Format format) noexcept;

struct Report {
  base::Status status;
  std::size_t width = 0;  // as stored, before any orientation
  std::size_t height = 0;
  std::string_view format;
  std::string warning;
  std::size_t scale = 1;  // 1/scale was decoded (decode: fast)
};

// Where a picture goes: 3 x height x width elements of the output's type.
struct Slot {
  Output output = Output::float32_nchw;
  void* data = nullptr;
  const kernels::normalise::Table* table = nullptr;  // for the float outputs
};

// Never throws but std::bad_alloc. The slot is written only when all went well.
void preprocess(Bytes bytes, const Spec& spec, const Options& options, const Slot& slot, Report& report);

// The same for pixels that are decoded already: width x height RGB.
void preprocess_rgb(Bytes pixels, std::size_t width, std::size_t height, const Spec& spec, const Slot& slot,
                    Report& report);

// Reads a file into this thread's memory. INPUT_NOT_FOUND, INPUT_UNREADABLE, IMAGE_TOO_LARGE.
base::Status read_file(const std::string& path, const Options& options, Bytes& bytes);

}  // namespace diptych::image
