// Reading numbers out of files whose every byte may be wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace diptych::image {

using Bytes = std::span<const std::uint8_t>;

[[nodiscard]] inline bool has(Bytes bytes, std::size_t at, std::size_t count) noexcept {
  return at <= bytes.size() && count <= bytes.size() - at;
}
[[nodiscard]] inline bool starts_with(Bytes bytes, std::size_t at, std::string_view text) noexcept {
  return has(bytes, at, text.size()) && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

// The caller has checked with has().
[[nodiscard]] inline std::uint32_t be16(Bytes bytes, std::size_t at) noexcept {
  return static_cast<std::uint32_t>(bytes[at] << 8 | bytes[at + 1]);
}
[[nodiscard]] inline std::uint32_t le16(Bytes bytes, std::size_t at) noexcept {
  return static_cast<std::uint32_t>(bytes[at + 1] << 8 | bytes[at]);
}
[[nodiscard]] inline std::uint32_t be32(Bytes bytes, std::size_t at) noexcept {
  return be16(bytes, at) << 16 | be16(bytes, at + 2);
}
[[nodiscard]] inline std::uint32_t le32(Bytes bytes, std::size_t at) noexcept {
  return le16(bytes, at + 2) << 16 | le16(bytes, at);
}

}  // namespace diptych::image
