#include "image/preprocess.hpp"

#include <algorithm>
#include <cstring>

#include "image/colour.hpp"
#include "image/formats.hpp"
#include "image/geometry.hpp"
#include "image/icc.hpp"
#include "image/resample.hpp"

namespace diptych::image {
namespace {

using base::Code;
using base::Status;

// EXIF's orientations as three switches, applied in this order: transpose, then mirror the stored axes.
struct Turn {
  bool transposed = false;
  bool mirror_x = false;  // the stored rows run right to left
  bool mirror_y = false;  // the stored columns run bottom to top
};

Turn turn_of(int orientation) {
  switch (orientation) {
    case 2:
      return {false, true, false};
    case 3:
      return {false, true, true};
    case 4:
      return {false, false, true};
    case 5:
      return {true, false, false};
    case 6:
      return {true, false, true};
    case 7:
      return {true, true, true};
    case 8:
      return {true, true, false};
    default:
      return {};
  }
}

AxisPair plan_axes(const Header& header, const Turn& turn, const Geometry& geometry, Filter filter,
                   bool rgb_after) {
  const Extent& along_x = turn.transposed ? geometry.y : geometry.x;
  const Extent& along_y = turn.transposed ? geometry.x : geometry.y;
  AxisPair axes;
  axes.x = {header.width, along_x.resized, along_x.begin, along_x.end, filter, turn.mirror_x};
  axes.y = {header.height, along_y.resized, along_y.begin, along_y.end, filter, turn.mirror_y};
  // 16-bit pictures that are converted first are 8-bit ones by then.
  axes.x.multiplied = axes.y.multiplied = header.mode == Mode::gray16 && rgb_after;
  return axes;
}

// Pillow 13 runs the vertical pass first where the height shrinks by more than twice what the width does
// (Resample.c, ImagingResampleInner). Vertical is meant after the orientation.
bool columns_first(const AxisPair& axes, const Turn& turn) {
  const AxisKey& across = turn.transposed ? axes.y : axes.x;
  const AxisKey& down = turn.transposed ? axes.x : axes.y;
  const auto shrinks = [](const AxisKey& key) {
    return static_cast<std::int64_t>(key.from) - static_cast<std::int64_t>(key.to);
  };
  const bool vertical_first = shrinks(down) > 0 && shrinks(down) > 2 * shrinks(across);
  return vertical_first != turn.transposed;
}

// Puts the resized view into the output's rectangle of RGB: turned, padded, converted.
void compose(const Spec& spec, Mode mode, const View& view, bool transposed, const Geometry& geometry,
             const std::array<std::uint8_t, 3>& fill, std::uint8_t* rgb) {
  const std::size_t wide = geometry.x.end - geometry.x.begin;
  const std::size_t high = geometry.y.end - geometry.y.begin;
  if (wide != spec.width || high != spec.height) {
    for (std::size_t i = 0; i < spec.width * spec.height; ++i) std::copy_n(fill.data(), 3, rgb + 3 * i);
  }
  for (std::size_t y = 0; y < high; ++y) {
    std::uint8_t* const to = rgb + 3 * ((geometry.y.place + y) * spec.width + geometry.x.place);
    if (!transposed) {
      to_rgb(mode, view.pixels + y * view.stride, wide, to);
    } else {
      const std::uint8_t* const from = view.pixels + y * view.channels;
      for (std::size_t x = 0; x < wide; ++x) to_rgb(mode, from + x * view.stride, 1, to + 3 * x);
    }
  }
}

void write_slot(const Spec& spec, const Slot& slot, const std::uint8_t* rgb) {
  const std::size_t pixels = spec.width * spec.height;
  if (slot.output == Output::uint8_nhwc) {
    std::memcpy(slot.data, rgb, 3 * pixels);
    return;
  }
  kernels::normalise::Work work;
  work.source = rgb;
  work.pixels = pixels;
  work.table = slot.table;
  const std::size_t element = slot.output == Output::float32_nchw ? sizeof(float) : sizeof(std::uint16_t);
  for (std::size_t plane = 0; plane < 3; ++plane) {
    work.planes[plane] = static_cast<std::uint8_t*>(slot.data) + plane * pixels * element;
  }
  kernels::normalise::active().run(work);
}

// Pillow premultiplies LA and RGBA for the resize, and only when it resizes at all.
bool resizes(const AxisPair& axes) { return axes.x.from != axes.x.to || axes.y.from != axes.y.to; }

// Pictures with one transparent colour (a GIF's index, a PNG's tRNS): Image.convert("RGB") remembers the
// colour, and a processor of transformers 5 that converts (do_convert_rgb) then lays the picture on white, so
// that every pixel of this colour becomes white. A picture that was not converted before comes with its
// alpha, and is blended.
void lay_on_white(const Spec& spec, const Header& header, Picture& picture) {
  if (spec.transparency == Transparency::keep) return;
  const std::size_t channels = channels_of(picture.mode);
  const bool has_alpha = picture.mode == Mode::rgba || picture.mode == Mode::gray_alpha;
  const bool blends = has_alpha && spec.transparency == Transparency::blend;
  if (!blends && !header.transparent) return;
  for (std::size_t y = 0; y < picture.region.height; ++y) {
    std::uint8_t* pixel = picture.pixels + y * picture.stride;
    if (blends) {
      blend_with_white(pixel, picture.region.width, channels);
      continue;
    }
    for (std::size_t x = 0; x < picture.region.width; ++x, pixel += channels) {
      std::uint8_t* const end = pixel + std::min<std::size_t>(channels, 3);
      if (std::equal(pixel, end, header.transparent->begin()))
        std::fill_n(pixel, end - pixel, std::uint8_t{255});
    }
  }
}

// Everything behind the decoder. `picture` may be changed.
Status finish(const Spec& spec, const Header& header, const Turn& turn, const Geometry& geometry,
              const AxisPair& axes, Picture& picture, const Slot& slot) {
  Scratch& scratch = Scratch::of_this_thread();
  const PassBuffers buffers{scratch.first_pass, scratch.second_pass};
  const std::size_t rows = picture.region.height;
  const bool wide = sample_bytes(picture.mode) > 1;
  View view;
  Mode mode = picture.mode;
  if (wide && spec.rgb_after) {
    if (Status status = resample_wide(picture, axes, buffers, view); !status.ok()) return status;
    mode = Mode::rgb;
  } else {
    if (!spec.rgb_after && (channels_of(mode) == 4 || mode == Mode::ycbcr || wide)) {
      // In place where the rows of RGB are not longer, which all are but those of 16 bits.
      const std::size_t stride = 3 * picture.region.width;
      std::uint8_t* to = picture.pixels;
      if (sample_bytes(mode) == 2) {
        if (!scratch.converted.reserve(stride * rows))
          return Status::fail(Code::out_of_memory, "needs too much memory");
        to = scratch.converted.data();
      }
      for (std::size_t y = 0; y < rows; ++y) {
        to_rgb(mode, picture.pixels + y * picture.stride, picture.region.width, to + y * stride);
      }
      picture.pixels = to;
      picture.stride = stride;
      picture.mode = mode = Mode::rgb;
    }
    const bool has_alpha = mode == Mode::rgba || mode == Mode::gray_alpha;
    const bool multiplied = has_alpha && spec.rgb_after && axes.x.filter != Filter::nearest && resizes(axes);
    if (multiplied) {
      for (std::size_t y = 0; y < rows; ++y) {
        premultiply(picture.pixels + y * picture.stride, picture.region.width, channels_of(mode));
      }
    }
    if (Status status = resample(picture, axes, buffers, view); !status.ok()) return status;
    if (multiplied) {
      auto* const pixels = const_cast<std::uint8_t*>(view.pixels);
      for (std::size_t y = 0; y < view.height; ++y)
        unpremultiply(pixels + y * view.stride, view.width, view.channels);
    }
  }
  const bool whole = view.width == spec.width && view.height == spec.height;
  const bool ready = whole && is_rgb(mode) && !turn.transposed && view.stride == 3 * view.width;
  const std::uint8_t* rgb = view.pixels;
  if (!ready) {
    if (!scratch.rgb.reserve(3 * spec.width * spec.height))
      return Status::fail(Code::out_of_memory, "needs too much memory");
    const auto fill = spec.rgb_after ? padding_colour(header, spec.fill) : spec.fill;
    compose(spec, mode, view, turn.transposed, geometry, fill, scratch.rgb.data());
    rgb = scratch.rgb.data();
  }
  write_slot(spec, slot, rgb);
  return Status::good();
}

// Pillow resizes palettes and bilevel pictures by nearest neighbour, whatever was asked for.
Filter filter_for(const Spec& spec, const Header& header) {
  const bool indexed = header.mode == Mode::palette || header.mode == Mode::bilevel;
  return indexed && spec.rgb_after ? Filter::nearest : spec.filter;
}

// The largest DCT scale that leaves twice the pixels that the resize wants on each side: with less, the
// scaled transform's own (box-like) filter shows, and the error of large photos grows from 0.5 of 255 to
// above 1.
std::size_t fast_scale(const Header& header, const AxisPair& axes) {
  for (const std::size_t scale : {8u, 4u, 2u}) {
    if (header.width / scale >= 2 * axes.x.to && header.height / scale >= 2 * axes.y.to) return scale;
  }
  return 1;
}

Status run(Bytes bytes, const Spec& spec, const Options& options, const Slot& slot, Report& report) {
  Header header;
  if (Status status = read_header(bytes, options, header); !status.ok()) return status;
  report.width = header.width;
  report.height = header.height;
  report.format = format_name(header.format);
  // A palette whose entries have alphas is one of RGBA where they are to be seen.
  if (spec.transparency == Transparency::blend && header.palette_alpha) header.mode = Mode::rgba;
  // A picture that is converted by its profile is one of RGB for all that follows the decoder.
  const Mode stored_mode = header.mode;
  std::vector<std::uint8_t> profile;
  if (spec.icc) profile = read_icc_profile(bytes, header);
  if (!profile.empty()) header.mode = Mode::rgb;
  const Turn turn = turn_of(spec.orient || header.orient_always ? header.orientation : 1);
  Geometry geometry;
  if (Status status = plan_geometry(spec, turn.transposed ? header.height : header.width,
                                    turn.transposed ? header.width : header.height, geometry);
      !status.ok()) {
    return status;
  }
  AxisPair axes = plan_axes(header, turn, geometry, filter_for(spec, header), spec.rgb_after);
  DecodeRequest request;
  if (options.fast && header.format == Format::jpeg) request.scale = fast_scale(header, axes);
  report.scale = request.scale;
  if (request.scale > 1) {
    axes.x.from = (header.width + request.scale - 1) / request.scale;
    axes.y.from = (header.height + request.scale - 1) / request.scale;
  }
  axes.columns_first = columns_first(axes, turn);
  request.region = needed_region(axes);
  Picture picture;
  header.mode = stored_mode;
  Scratch& scratch = Scratch::of_this_thread();
  if (Status status = decode(bytes, options, request, header, scratch, picture); !status.ok()) return status;
  if (options.deadline.passed()) return timed_out(options);
  lay_on_white(spec, header, picture);
  if (!profile.empty()) {
    if (Status status = convert_to_srgb(profile, options, header, scratch, picture); !status.ok())
      return status;
    header.mode = Mode::rgb;
  }
  report.warning = header.warning;
  return finish(spec, header, turn, geometry, axes, picture, slot);
}

// The caller's pixels as a picture. Kernels read a little further than the last row, which a scratch buffer
// allows and the caller's memory does not: where the first pass goes along rows, only the last rows are
// copied, else all of them.
Status lend_picture(Bytes pixels, const Header& header, const AxisPair& axes, Scratch& scratch,
                    Picture& picture) {
  const std::size_t stride = 3 * header.width;
  const std::size_t whole = pixels.size() - std::min(pixels.size(), kernels::resize::kReadOverrun);
  const bool rows_first = !axes.columns_first && axes.x.from != axes.x.to && axes.x.filter != Filter::nearest;
  const std::size_t lent = rows_first ? whole / stride : 0;
  Header rest = header;
  rest.height = header.height - lent;
  if (Status status = allocate_picture(rest, scratch, picture); !status.ok()) return status;
  std::memcpy(picture.pixels, pixels.data() + lent * stride, pixels.size() - lent * stride);
  picture.height = picture.region.height = header.height;
  if (lent > 0) {
    picture.tail = picture.pixels;
    picture.tail_row = lent;
    // Nothing writes to a picture of mode RGB that is resized along rows.
    picture.pixels = const_cast<std::uint8_t*>(pixels.data());
  }
  return Status::good();
}

}  // namespace

std::string_view format_name(Format format) noexcept {
  switch (format) {
    case Format::jpeg:
      return "jpeg";
    case Format::png:
      return "png";
    case Format::gif:
      return "gif";
    case Format::webp:
      return "webp";
    case Format::tiff:
      return "tiff";
    case Format::bmp:
      return "bmp";
    case Format::pnm:
      return "pnm";
  }
  return "unknown";
}

void preprocess(Bytes bytes, const Spec& spec, const Options& options, const Slot& slot, Report& report) {
  report.status = run(bytes, spec, options, slot, report);
  Scratch::of_this_thread().give_back();
}

void preprocess_rgb(Bytes pixels, std::size_t width, std::size_t height, const Spec& spec, const Slot& slot,
                    Report& report) {
  report.width = width;
  report.height = height;
  report.format = "rgb";
  Header header;
  header.width = width;
  header.height = height;
  Geometry geometry;
  report.status = plan_geometry(spec, width, height, geometry);
  if (!report.status.ok()) return;
  AxisPair axes = plan_axes(header, {}, geometry, spec.filter, spec.rgb_after);
  axes.columns_first = columns_first(axes, {});
  Picture picture;
  report.status = lend_picture(pixels, header, axes, Scratch::of_this_thread(), picture);
  if (!report.status.ok()) return;
  report.status = finish(spec, header, {}, geometry, axes, picture, slot);
  Scratch::of_this_thread().give_back();
}

}  // namespace diptych::image
