// The part of libjpeg-turbo's TurboJPEG 3 interface that is used here, loaded at run time.
#pragma once

#include <cstddef>
#include <string>

namespace diptych::image {

struct TurboJpeg {
  using Handle = void*;
  struct Scale {
    int numerator;
    int denominator;
  };
  struct Crop {
    int x;
    int y;
    int width;
    int height;
  };
  // Values of the library's enumerations (turbojpeg.h of version 3).
  static constexpr int kDecompress = 1;    // TJINIT_DECOMPRESS
  static constexpr int kSubsampling = 4;   // TJPARAM_SUBSAMP
  static constexpr int kScanLimit = 13;    // TJPARAM_SCANLIMIT
  static constexpr int kFormatRgb = 0;     // TJPF_RGB
  static constexpr int kFormatGray = 6;    // TJPF_GRAY
  static constexpr int kFormatCmyk = 11;   // TJPF_CMYK
  static constexpr int kErrorWarning = 0;  // TJERR_WARNING

  Handle (*init)(int);
  void (*destroy)(Handle);
  int (*set)(Handle, int, int);
  int (*get)(Handle, int);
  int (*read_header)(Handle, const unsigned char*, std::size_t);
  int (*set_scale)(Handle, Scale);
  int (*set_crop)(Handle, Crop);
  int (*decompress)(Handle, const unsigned char*, std::size_t, unsigned char*, int, int);
  char* (*error_text)(Handle);
  int (*error_code)(Handle);

  // Whether the call that failed came to its end with nothing worse than warnings. The library's own word for
  // it, error_code, also says so of a call that was warned first and then gave up, leaving the pixels as they
  // were.
  [[nodiscard]] bool only_warned(Handle handle) const;

  std::string path;

  // Null when no library could be loaded; tried once per process.
  static const TurboJpeg* get_library();
};

}  // namespace diptych::image
