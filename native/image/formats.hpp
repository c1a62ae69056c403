// The decoders behind decode.hpp, one per format.
#pragma once

#include "image/decode.hpp"

namespace diptych::image {

base::Status read_jpeg_header(Bytes bytes, Header& header);
base::Status decode_jpeg(Bytes bytes, const Options& options, const DecodeRequest& request, Header& header,
                         Scratch& scratch, Picture& picture);
[[nodiscard]] std::string jpeg_decoder_name();

base::Status read_gif_header(Bytes bytes, Header& header);
base::Status decode_gif(Bytes bytes, const Options& options, Header& header, Scratch& scratch,
                        Picture& picture);

base::Status read_png_header(Bytes bytes, Header& header);
base::Status decode_png(Bytes bytes, const Options& options, Header& header, Scratch& scratch,
                        Picture& picture);

base::Status read_webp_header(Bytes bytes, Header& header);
base::Status decode_webp(Bytes bytes, const Options& options, Header& header, Scratch& scratch,
                         Picture& picture);

base::Status read_tiff_header(Bytes bytes, Header& header);
base::Status decode_tiff(Bytes bytes, const Options& options, Header& header, Scratch& scratch,
                         Picture& picture);

base::Status read_bmp_header(Bytes bytes, Header& header);
base::Status decode_bmp(Bytes bytes, const Options& options, Header& header, Scratch& scratch,
                        Picture& picture);

[[nodiscard]] bool is_pnm(Bytes bytes) noexcept;
base::Status read_pnm_header(Bytes bytes, Header& header);
base::Status decode_pnm(Bytes bytes, const Options& options, Header& header, Scratch& scratch,
                        Picture& picture);

// Makes `picture` a whole picture of the header's size and mode, in memory of the scratch.
base::Status allocate_picture(const Header& header, Scratch& scratch, Picture& picture);

// libvips (vips_loader.cpp): runs one named loader over the bytes, on this thread alone, and gives the rows
// in order. Nothing of libvips' cache, thread pool or global settings is used or changed: sharp may be loaded
// in the same process.
struct VipsImage {
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t bands = 0;
  enum class Sample : std::uint8_t { uint8, uint16, int16, uint32, int32, float32 } sample = Sample::uint8;
};
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual base::Status begin(const VipsImage& image) = 0;
  virtual void row(std::size_t y, const std::uint8_t* samples) = 0;
};
enum class VipsResult : std::uint8_t { good, failed, out_of_memory };
// `status` is that of sink.begin(), IMAGE_TIMEOUT or good; `rows` is how many rows came.
struct VipsOutcome {
  VipsResult result = VipsResult::good;
  base::Status status;
  std::size_t rows = 0;
};
struct VipsLoader {
  const char* name;
  // Whether a warning while the picture is read is an error. libtiff only warns of tiles that it cannot
  // decode; what it says of the directory, which may be harmless, stops nothing.
  bool strict = false;
  // Whether the picture is one compressed stream, so that nothing behind the first damage can be read.
  // libvips, asked to go on, fails anew at every row.
  bool one_stream = false;
};
VipsOutcome load_with_vips(const VipsLoader& loader, Bytes bytes, const Options& options, RowSink& sink);
[[nodiscard]] std::string vips_version();

}  // namespace diptych::image
