// Embedded colour profiles, on request: the picture's colours become sRGB's, as Pillow's
// ImageCms.profileToProfile(image, profile, createProfile("sRGB"), outputMode="RGB") makes them. Both use
// Little CMS with the perceptual intent; docs/parity.md says how near the pixels are.
#pragma once

#include <cstdint>
#include <vector>

#include "image/decode.hpp"

namespace diptych::image {

// The profile in the file, when it describes colours of the header's kind (a CMYK profile is of no use to an
// RGB picture); else empty. A profile that does not fit is said in header.warning.
[[nodiscard]] std::vector<std::uint8_t> read_icc_profile(Bytes bytes, Header& header);

// Makes `picture` one of sRGB's colours, mode rgb. A profile that Little CMS refuses leaves the colours as
// they are, and says so in header.warning.
base::Status convert_to_srgb(const std::vector<std::uint8_t>& profile, const Options& options, Header& header,
                             Scratch& scratch, Picture& picture);

}  // namespace diptych::image
