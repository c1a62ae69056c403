// Bytes of a file -> pixels, exactly as Pillow 13's Image.open() gives them (first frame, no colour
// management).
#pragma once

#include <string>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/status.hpp"
#include "image/bytes.hpp"
#include "image/picture.hpp"
#include "image/spec.hpp"

namespace diptych::image {

// The memory that one thread decodes and resizes in: it grows to the largest picture and is then reused, so
// that a picture costs no page faults.
struct Scratch {
  base::AlignedBuffer<std::uint8_t> file;
  base::AlignedBuffer<std::uint8_t> pixels;
  base::AlignedBuffer<std::uint8_t> first_pass;
  base::AlignedBuffer<std::uint8_t> second_pass;
  base::AlignedBuffer<std::uint8_t> converted;  // RGB of a picture whose own samples are smaller than that
  base::AlignedBuffer<std::uint8_t> rgb;
  static Scratch& of_this_thread();
  // Frees what only a picture of more than 20 megapixels needed; to be called when the result is written.
  void give_back() noexcept;
};

// Finds the format from the content and reads the header. IMAGE_TOO_LARGE comes from here, before any memory
// for pixels is taken.
base::Status read_header(Bytes bytes, const Options& options, Header& header);

struct DecodeRequest {
  Region region;          // what the resize will read; a decoder may give more
  std::size_t scale = 1;  // JPEG only: decode at 1/scale (1, 2, 4 or 8)
};

// Decodes; may add to `header.warning`.
base::Status decode(Bytes bytes, const Options& options, const DecodeRequest& request, Header& header,
                    Scratch& scratch, Picture& picture);

// IMAGE_TIMEOUT, for decoders whose look at the deadline found it passed.
[[nodiscard]] base::Status timed_out(const Options& options);

// Which JPEG decoder is in use, and the version of libvips: for `diptych doctor`.
struct DecoderInfo {
  std::string vips;
  std::string jpeg;
};
[[nodiscard]] DecoderInfo decoder_info();

// Where libturbojpeg may be: the first that loads is used. Has an effect before the first picture only.
void set_turbojpeg_paths(std::vector<std::string> paths);

}  // namespace diptych::image
