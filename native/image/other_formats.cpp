#include "image/other_formats.hpp"

#include <algorithm>

namespace diptych::image {
namespace {

struct Mark {
  std::string_view name;
  std::size_t at;
  std::string_view bytes;
};

constexpr Mark kMarks[] = {
    {"AVIF", 4, "ftypavif"},
    {"AVIF", 4, "ftypavis"},
    {"HEIC", 4, "ftyphei"},
    {"HEIC", 4, "ftyphev"},
    {"HEIF", 4, "ftypmif1"},
    {"HEIF", 4, "ftypmsf1"},
    {"JPEG XL", 0, {"\xff\x0a", 2}},
    {"JPEG XL", 4, {"JXL \r\n\x87\n", 8}},
    {"JPEG 2000", 0, {"\xff\x4f\xff\x51", 4}},
    {"JPEG 2000", 4, {"jP  \r\n\x87\n", 8}},
    {"ICO", 0, {"\0\0\1\0", 4}},
    {"CUR", 0, {"\0\0\2\0", 4}},
    {"ICNS", 0, "icns"},
    {"PSD", 0, "8BPS"},
    {"PDF", 0, "%PDF"},
    {"PostScript", 0, "%!PS"},
    {"EPS", 0, {"\xc5\xd0\xd3\xc6", 4}},
    {"PAM", 0, "P7\n"},
    {"PFM", 0, "PF\n"},
    {"PFM", 0, "Pf\n"},
    {"OpenEXR", 0, {"\x76\x2f\x31\x01", 4}},
    {"Radiance HDR", 0, "#?RADIANCE"},
    {"Radiance HDR", 0, "#?RGBE"},
    {"DDS", 0, "DDS "},
    {"QOI", 0, "qoif"},
    {"FITS", 0, "SIMPLE  ="},
    {"PCX", 0, {"\x0a\x05\x01", 3}},
    {"SGI", 0, {"\x01\xda\0", 3}},
    {"SGI", 0, {"\x01\xda\1", 3}},
    {"Sun raster", 0, {"\x59\xa6\x6a\x95", 4}},
    {"XPM", 0, "/* XPM */"},
    {"WMF", 0, {"\xd7\xcd\xc6\x9a", 4}},
    {"DjVu", 0, "AT&TFORM"},
    {"FLIF", 0, "FLIF"},
    {"JPEG XR", 0, {"II\xbc\1", 4}},
    {"Matlab", 0, "MATLAB 5"},
    {"NIfTI", 344, {"n+1\0", 4}},
    {"ZIP", 0, {"PK\3\4", 4}},
    {"gzip", 0, {"\x1f\x8b", 2}},
    {"MP4 or QuickTime video", 4, "ftyp"},
};

// Text may have a byte order mark and white space in front.
std::string_view name_of_text(Bytes bytes) noexcept {
  std::size_t at = starts_with(bytes, 0, "\xef\xbb\xbf") ? 3 : 0;
  while (at < bytes.size() && (bytes[at] == ' ' || (bytes[at] >= '\t' && bytes[at] <= '\r'))) ++at;
  constexpr std::size_t kReach = 1024;
  const Bytes rest = bytes.subspan(at, std::min(kReach, bytes.size() - at));
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  if (text.starts_with('<')) {
    if (text.find("<svg") != std::string_view::npos) return "SVG";
    const bool html = text.starts_with("<!DOCTYPE html") || text.starts_with("<!doctype html") ||
                      text.starts_with("<html") || text.starts_with("<HTML");
    return html ? "HTML (a web page, not a picture)" : text.starts_with("<?xml") ? "XML" : "";
  }
  return "";
}

}  // namespace

std::string_view name_of_other_format(Bytes bytes) noexcept {
  for (const Mark& mark : kMarks) {
    if (starts_with(bytes, mark.at, mark.bytes)) return mark.name;
  }
  return name_of_text(bytes);
}

}  // namespace diptych::image
