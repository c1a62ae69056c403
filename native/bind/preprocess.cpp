// export preprocess(items, spec, options, out, cancel), decoderInfo(), setTurboJpegPaths(paths)
#include "image/preprocess.hpp"

#include <array>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/thread_pool.hpp"
#include "bind/args.hpp"
#include "bind/async_task.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"

namespace diptych::bind {
namespace {

using base::Code;
using base::Status;
namespace normalise = kernels::normalise;

// A picture that is decoded already.
struct RawPixels {
  image::Bytes pixels;
  std::size_t width = 0;
  std::size_t height = 0;
};
using Item = std::variant<std::string, image::Bytes, RawPixels>;

constexpr std::size_t kLargestSide = 16384;

template <class T, std::size_t N>
T one_of(Napi::Env env, const std::string& name, const std::array<std::pair<const char*, T>, N>& table,
         const char* where) {
  std::string names;
  for (const auto& [key, value] : table) {
    if (name == key) return value;
    names += (names.empty() ? "" : ", ") + std::string(key);
  }
  throw_error(env, Code::bad_option,
              std::string(where) + " is '" + name + "', which is not one of: " + names);
}

constexpr std::array<std::pair<const char*, image::Filter>, 6> kFilters{
    {{"nearest", image::Filter::nearest},
     {"box", image::Filter::box},
     {"bilinear", image::Filter::bilinear},
     {"hamming", image::Filter::hamming},
     {"bicubic", image::Filter::bicubic},
     {"lanczos", image::Filter::lanczos}}};
constexpr std::array<std::pair<const char*, image::ResizeMode>, 3> kModes{
    {{"shortest", image::ResizeMode::shortest},
     {"squash", image::ResizeMode::squash},
     {"longest", image::ResizeMode::longest}}};
constexpr std::array<std::pair<const char*, image::CropRounding>, 2> kRoundings{
    {{"floor", image::CropRounding::floor}, {"half-even", image::CropRounding::half_even}}};
constexpr std::array<std::pair<const char*, bool>, 2> kRgb{{{"before", false}, {"after", true}}};
constexpr std::array<std::pair<const char*, image::Transparency>, 3> kTransparencies{
    {{"keep", image::Transparency::keep},
     {"white", image::Transparency::white},
     {"blend", image::Transparency::blend}}};
constexpr std::array<std::pair<const char*, bool>, 2> kDecode{{{"exact", false}, {"fast", true}}};
constexpr std::array<std::pair<const char*, image::Output>, 4> kOutputs{
    {{"float32", image::Output::float32_nchw},
     {"float16", image::Output::float16_nchw},
     {"bfloat16", image::Output::bfloat16_nchw},
     {"uint8", image::Output::uint8_nhwc}}};

napi_typedarray_type array_of(image::Output output) noexcept {
  if (output == image::Output::float32_nchw) return napi_float32_array;
  return output == image::Output::uint8_nhwc ? napi_uint8_array : napi_uint16_array;
}
std::size_t bytes_of(image::Output output) noexcept {
  if (output == image::Output::float32_nchw) return sizeof(float);
  return output == image::Output::uint8_nhwc ? 1 : sizeof(std::uint16_t);
}
normalise::Element element_of(image::Output output) noexcept {
  if (output == image::Output::float16_nchw) return normalise::Element::float16;
  return output == image::Output::bfloat16_nchw ? normalise::Element::bfloat16 : normalise::Element::float32;
}

struct ParsedSpec {
  image::Spec spec;
  double rescale = 0;
  double mean[3] = {};
  double std[3] = {};
};

ParsedSpec parse_spec(Napi::Object object) {
  const Napi::Env env = object.Env();
  const Fields fields(object, "spec");
  ParsedSpec parsed;
  image::Spec& spec = parsed.spec;
  spec.height = fields.size("height", 1, kLargestSide);
  spec.width = fields.size("width", 1, kLargestSide);
  spec.resize_height = fields.size("resizeHeight", 1, kLargestSide);
  spec.resize_width = fields.size("resizeWidth", 1, kLargestSide);
  spec.resize_mode = one_of(env, fields.string("resizeMode"), kModes, "spec.resizeMode");
  spec.filter = one_of(env, fields.string("interpolation"), kFilters, "spec.interpolation");
  spec.center_crop = fields.boolean("centerCrop");
  spec.crop_rounding = one_of(env, fields.string("cropRounding"), kRoundings, "spec.cropRounding");
  spec.rgb_after = one_of(env, fields.string("rgb"), kRgb, "spec.rgb");
  spec.transparency = one_of(env, fields.string("transparency"), kTransparencies, "spec.transparency");
  spec.orient = fields.boolean("orient");
  spec.icc = fields.boolean("icc");
  double fill[3] = {};
  fields.numbers("fill", fill);
  for (std::size_t i = 0; i < 3; ++i) {
    if (fill[i] < 0 || fill[i] > 255) throw_error(env, Code::bad_option, "spec.fill must be within 0 to 255");
    spec.fill[i] = static_cast<std::uint8_t>(fill[i]);
  }
  parsed.rescale = fields.number("rescale");
  fields.numbers("mean", parsed.mean);
  fields.numbers("std", parsed.std);
  if (parsed.rescale <= 0) throw_error(env, Code::bad_option, "spec.rescale must be greater than 0");
  for (const double one : parsed.std) {
    if (static_cast<float>(one) == 0.0f) throw_error(env, Code::bad_option, "spec.std must not be 0");
  }
  return parsed;
}

// What concerns the call as a whole rather than one picture.
struct CallOptions {
  std::size_t workers = 1;
  std::uint32_t timeout_ms = 0;
  image::Output output = image::Output::float32_nchw;
};

image::Options parse_options(Napi::Object object, CallOptions& call) {
  const Fields fields(object, "options");
  image::Options options;
  call.workers = fields.size("workers", 1);
  call.timeout_ms = static_cast<std::uint32_t>(fields.size("imageTimeoutMs", 0, 0xffffffffu));
  call.output = one_of(object.Env(), fields.string("output"), kOutputs, "options.output");
  options.fast = one_of(object.Env(), fields.string("decode"), kDecode, "options.decode");
  options.max_pixels = fields.size("maxPixels", 1);
  options.max_bytes = fields.size("maxBytes", 1);
  options.allow_truncated = fields.boolean("allowTruncated");
  return options;
}

class PreprocessTask final : public AsyncTask {
 public:
  PreprocessTask(const ParsedSpec& parsed, const image::Options& options, const CallOptions& call)
      : spec_(parsed.spec), options_(options), call_(call), parsed_(parsed) {}

  // A path, encoded bytes, or { data, width, height } of raw RGB.
  void add(const std::string& where, Napi::Value value) {
    if (value.IsString()) {
      items_.emplace_back(value.As<Napi::String>().Utf8Value());
    } else if (value.IsTypedArray()) {
      items_.emplace_back(pinned_bytes(where, value));
    } else if (value.IsObject()) {
      const Fields fields(value.As<Napi::Object>(), where);
      RawPixels raw;
      raw.pixels = pinned_bytes(where + ".data", value.As<Napi::Object>().Get("data"));
      raw.width = fields.size("width", 1, std::size_t{1} << 31);
      raw.height = fields.size("height", 1, std::size_t{1} << 31);
      if (raw.pixels.size() / 3 != raw.width * raw.height || raw.pixels.size() % 3 != 0) {
        throw_error(value.Env(), Code::bad_input, where + ".data must have 3 x width x height bytes (RGB)");
      }
      items_.emplace_back(raw);
    } else {
      throw_error(value.Env(), Code::bad_input,
                  where + " must be a path, a Uint8Array or { data, width, height }");
    }
  }

  void write_to(Napi::Env env, Napi::Value out) {
    const auto bytes = typed_array_bytes("out", out, array_of(call_.output));
    slot_bytes_ = bytes_of(call_.output) * 3 * spec_.height * spec_.width;
    if (bytes.size() != slot_bytes_ * items_.size()) {
      throw_error(env, Code::bad_input,
                  "out has " + std::to_string(bytes.size()) + " bytes, but the items need " +
                      std::to_string(slot_bytes_ * items_.size()));
    }
    out_ = bytes.data();
    pin(out);
    reports_.resize(items_.size());
    normalise::make_table(parsed_.rescale, parsed_.mean, parsed_.std, element_of(call_.output), table_);
  }

  [[nodiscard]] std::size_t count() const noexcept { return items_.size(); }

 protected:
  Status item(std::size_t index) override {
    image::Report& report = reports_[index];
    const image::Slot slot{call_.output, out_ + index * slot_bytes_, &table_};
    image::Options options = options_;
    options.deadline = base::Deadline::in(call_.timeout_ms);
    try {
      std::visit([&](const auto& source) { run(source, options, slot, report); }, items_[index]);
    } catch (const std::bad_alloc&) {
      report.status = Status::fail(Code::out_of_memory, "needs more memory than there is");
    }
    if (!report.status.ok()) std::fill_n(out_ + index * slot_bytes_, slot_bytes_, std::byte{0});
    return Status::good();
  }

  Napi::Value result(Napi::Env env) override {
    const Napi::Array all = Napi::Array::New(env, reports_.size());
    for (std::size_t i = 0; i < reports_.size(); ++i) {
      const image::Report& report = reports_[i];
      const Napi::Object one = Napi::Object::New(env);
      one.Set("ok", report.status.ok());
      if (report.status.ok()) {
        one.Set("width", static_cast<double>(report.width));
        one.Set("height", static_cast<double>(report.height));
        one.Set("format", std::string(report.format));
        one.Set("scale", static_cast<double>(report.scale));
        if (!report.warning.empty()) one.Set("warning", report.warning);
      } else {
        one.Set("code", std::string(base::name_of(report.status.code)));
        one.Set("message", report.status.message);
      }
      all.Set(static_cast<std::uint32_t>(i), one);
    }
    return all;
  }

 private:
  image::Bytes pinned_bytes(const std::string& where, Napi::Value value) {
    const auto bytes = typed_array_bytes(where, value, napi_uint8_array);
    pin(value);
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  }
  void run(const std::string& path, const image::Options& options, const image::Slot& slot,
           image::Report& report) {
    image::Bytes bytes;
    report.status = image::read_file(path, options, bytes);
    if (report.status.ok()) image::preprocess(bytes, spec_, options, slot, report);
  }
  void run(image::Bytes bytes, const image::Options& options, const image::Slot& slot,
           image::Report& report) {
    image::preprocess(bytes, spec_, options, slot, report);
  }
  void run(const RawPixels& raw, const image::Options&, const image::Slot& slot, image::Report& report) {
    image::preprocess_rgb(raw.pixels, raw.width, raw.height, spec_, slot, report);
  }

  image::Spec spec_;
  image::Options options_;
  CallOptions call_;
  ParsedSpec parsed_;
  std::vector<Item> items_;
  std::byte* out_ = nullptr;
  std::size_t slot_bytes_ = 0;
  normalise::Table table_;
  std::vector<image::Report> reports_;
};

Napi::Value preprocess(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Args args(info, "preprocess", 5);
    require_kernels(info.Env());
    CallOptions call;
    const image::Options options = parse_options(args.object(2, "options"), call);
    auto task = std::make_unique<PreprocessTask>(parse_spec(args.object(1, "spec")), options, call);
    const Napi::Array items = args.array(0, "items");
    for (std::uint32_t i = 0; i < items.Length(); ++i)
      task->add("items[" + std::to_string(i) + "]", items.Get(i));
    task->write_to(info.Env(), args.value(3));
    task->cancel_by(args.value(4));
    const std::size_t count = task->count();
    return AsyncTask::start(info.Env(), std::move(task), count, call.workers);
  });
}

Napi::Value decoder_info(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Args args(info, "decoderInfo", 0);
    const image::DecoderInfo found = image::decoder_info();
    const Napi::Object result = Napi::Object::New(info.Env());
    result.Set("vips", found.vips);
    result.Set("jpeg", found.jpeg);
    return result;
  });
}

Napi::Value set_turbojpeg_paths(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Args args(info, "setTurboJpegPaths", 1);
    const Napi::Array array = args.array(0, "paths");
    std::vector<std::string> paths;
    for (std::uint32_t i = 0; i < array.Length(); ++i) {
      const Napi::Value path = array.Get(i);
      args.require(path.IsString(), "paths", "must be an array of strings");
      paths.push_back(path.As<Napi::String>().Utf8Value());
    }
    image::set_turbojpeg_paths(std::move(paths));
    return info.Env().Undefined();
  });
}

}  // namespace

void export_preprocess(Napi::Env env, Napi::Object exports) {
  exports.Set("preprocess", Napi::Function::New(env, preprocess, "preprocess"));
  exports.Set("decoderInfo", Napi::Function::New(env, decoder_info, "decoderInfo"));
  exports.Set("setTurboJpegPaths", Napi::Function::New(env, set_turbojpeg_paths, "setTurboJpegPaths"));
}

}  // namespace diptych::bind
