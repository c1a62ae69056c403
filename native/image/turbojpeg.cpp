#include "image/turbojpeg.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "image/decode.hpp"

namespace diptych::image {
namespace {

std::mutex paths_mutex;
std::vector<std::string>& candidate_paths() {
  static std::vector<std::string> paths{"libturbojpeg.so.0", "libturbojpeg.dylib"};
  return paths;
}

template <class Function>
bool find(void* library, const char* name, Function& out) {
  out = reinterpret_cast<Function>(dlsym(library, name));
  return out != nullptr;
}

std::optional<TurboJpeg> open_library(const std::string& path) {
  // Never closed: decompressors of all threads live in it.
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::nullopt;
  TurboJpeg api{};
  const bool whole = find(library, "tj3Init", api.init) && find(library, "tj3Destroy", api.destroy) &&
                     find(library, "tj3Set", api.set) && find(library, "tj3Get", api.get) &&
                     find(library, "tj3DecompressHeader", api.read_header) &&
                     find(library, "tj3SetScalingFactor", api.set_scale) &&
                     find(library, "tj3SetCroppingRegion", api.set_crop) &&
                     find(library, "tj3Decompress8", api.decompress) &&
                     find(library, "tj3GetErrorStr", api.error_text) &&
                     find(library, "tj3GetErrorCode", api.error_code);
  if (!whole) return std::nullopt;  // version 2 or older
  api.path = path;
  return api;
}

}  // namespace

void set_turbojpeg_paths(std::vector<std::string> paths) {
  const std::lock_guard lock(paths_mutex);
  candidate_paths() = std::move(paths);
}

const TurboJpeg* TurboJpeg::get_library() {
  static const std::optional<TurboJpeg> library = []() -> std::optional<TurboJpeg> {
    const std::lock_guard lock(paths_mutex);
    for (const auto& path : candidate_paths()) {
      if (auto api = open_library(path)) return api;
    }
    return std::nullopt;
  }();
  return library ? &*library : nullptr;
}

bool TurboJpeg::only_warned(Handle handle) const {
  if (error_code(handle) != kErrorWarning) return false;
  // How libjpeg's warnings begin (JWRN_ in its jerror.h); what came last is what the text says.
  constexpr std::string_view warnings[] = {"Corrupt JPEG data",
                                           "Premature end of JPEG",
                                           "Inconsistent progress",
                                           "Invalid SOS parameters for sequential",
                                           "Unknown Adobe color",
                                           "Warning: ",
                                           "Application transferred too many"};
  const std::string_view text = error_text(handle);
  return std::ranges::any_of(warnings, [&](std::string_view one) { return text.starts_with(one); });
}

}  // namespace diptych::image
