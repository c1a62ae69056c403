#include "image/ifd.hpp"

#include <algorithm>

namespace diptych::image {
namespace {

constexpr std::uint16_t kOrientation = 274;

constexpr std::uint16_t kRational = 5;
constexpr std::size_t kMostFractions = 64;

// BYTE, SHORT, LONG, LONG8, and RATIONAL; 0 for what is not read.
constexpr std::size_t size_of(std::uint16_t type) noexcept {
  switch (type) {
    case 1:
      return 1;
    case 3:
      return 2;
    case 4:
      return 4;
    case kRational:
    case 16:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

std::uint64_t Ifd::get(std::size_t at, std::size_t size) const noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    value = value << 8 | bytes_[big_endian_ ? at + i : at + size - 1 - i];
  }
  return value;
}

std::optional<Ifd> Ifd::read(Bytes bytes) {
  Ifd ifd;
  ifd.bytes_ = bytes;
  if (starts_with(bytes, 0, "MM")) {
    ifd.big_endian_ = true;
  } else if (!starts_with(bytes, 0, "II")) {
    return std::nullopt;
  }
  if (!has(bytes, 0, 8)) return std::nullopt;
  const auto version = ifd.get(2, 2);
  if (version != 42 && version != 43) return std::nullopt;
  ifd.big_tiff_ = version == 43;
  if (ifd.big_tiff_ && !has(bytes, 0, 16)) return std::nullopt;

  const auto at = static_cast<std::size_t>(ifd.big_tiff_ ? ifd.get(8, 8) : ifd.get(4, 4));
  const std::size_t count_size = ifd.big_tiff_ ? 8 : 2;
  const std::size_t entry_size = ifd.big_tiff_ ? 20 : 12;
  if (!has(bytes, at, count_size)) return std::nullopt;
  const auto count = ifd.get(at, count_size);
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, 4096); ++i) {
    const std::size_t entry = at + count_size + static_cast<std::size_t>(i) * entry_size;
    if (!has(bytes, entry, entry_size)) break;
    const auto tag = static_cast<std::uint16_t>(ifd.get(entry, 2));
    const auto type = static_cast<std::uint16_t>(ifd.get(entry + 2, 2));
    const std::uint64_t values = ifd.get(entry + 4, ifd.big_tiff_ ? 8 : 4);
    const std::size_t size = size_of(type);
    if (size == 0 || values == 0 || values > bytes.size()) continue;
    const std::size_t field = ifd.big_tiff_ ? 8 : 4;
    std::size_t value_at = entry + entry_size - field;
    if (values * size > field) value_at = static_cast<std::size_t>(ifd.get(value_at, field));
    if (!has(bytes, value_at, static_cast<std::size_t>(values) * size)) continue;
    ifd.entries_.push_back({tag, type, values, value_at});
  }
  return ifd;
}

std::vector<std::uint64_t> Ifd::numbers(std::uint16_t tag, std::size_t most) const {
  std::vector<std::uint64_t> values;
  for (const Entry& entry : entries_) {
    if (entry.tag != tag || entry.type == kRational) continue;
    const std::size_t size = size_of(entry.type);
    for (std::size_t i = 0; i < std::min<std::uint64_t>(entry.count, most); ++i) {
      values.push_back(get(entry.value_at + i * size, size));
    }
    break;
  }
  return values;
}

std::optional<std::uint64_t> Ifd::number(std::uint16_t tag) const {
  const auto values = numbers(tag, 1);
  return values.empty() ? std::nullopt : std::optional(values.front());
}

std::optional<std::size_t> Ifd::place_of_short(std::uint16_t tag) const {
  constexpr std::uint16_t kShort = 3;
  for (const Entry& entry : entries_) {
    if (entry.tag == tag && entry.type == kShort) return entry.value_at;
  }
  return std::nullopt;
}

std::vector<double> Ifd::fractions(std::uint16_t tag) const {
  std::vector<double> values;
  for (const Entry& entry : entries_) {
    if (entry.tag != tag || entry.type != kRational) continue;
    for (std::size_t i = 0; i < std::min<std::uint64_t>(entry.count, kMostFractions); ++i) {
      const auto over = static_cast<double>(get(entry.value_at + 8 * i, 4));
      const auto under = static_cast<double>(get(entry.value_at + 8 * i + 4, 4));
      values.push_back(under == 0 ? 0 : over / under);
    }
    break;
  }
  return values;
}

int Ifd::orientation() const {
  const auto value = number(kOrientation).value_or(1);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

int exif_orientation(Bytes exif) {
  constexpr std::string_view prefix{"Exif\0\0", 6};
  if (starts_with(exif, 0, prefix)) exif = exif.subspan(prefix.size());
  const auto ifd = Ifd::read(exif);
  return ifd ? ifd->orientation() : 1;
}

}  // namespace diptych::image
