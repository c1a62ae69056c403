// Damages a file the way disks, networks and attackers do.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../native/harness.hpp"
#include "image/bytes.hpp"
#include "image/crc32.hpp"

namespace diptych::fuzz {

using File = std::vector<std::uint8_t>;

// After other changes, so that they reach the decoder rather than fail at a chunk's checksum.
inline void mend_png_checksums(File& file) {
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length = image::be32(file, at);
    if (length > file.size() - at - 12) return;
    const std::uint32_t crc = image::crc32(image::Bytes(file).subspan(at + 4, length + 4));
    for (std::size_t i = 0; i < 4; ++i)
      file[at + 8 + length + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
    at += length + 12;
  }
}

inline File mutate(const File& original, const File& other, test::Random& random) {
  constexpr std::uint8_t kTelling[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff,
                                       0xd8, 0xd9, 0xda, 0xc0, 0xc2, 0x3b};
  File file = original;
  const std::uint64_t changes = random.between(1, 8);
  for (std::uint64_t change = 0; change < changes && !file.empty(); ++change) {
    // Half of the changes go to the first bytes, where headers are.
    const std::size_t reach = random.next() % 2 == 0 ? std::min<std::size_t>(file.size(), 200) : file.size();
    const auto at = static_cast<std::size_t>(random.between(0, reach - 1));
    const auto offset = static_cast<std::ptrdiff_t>(at);
    const auto length =
        static_cast<std::size_t>(random.between(1, std::min<std::size_t>(64, file.size() - at)));
    const auto end = offset + static_cast<std::ptrdiff_t>(length);
    switch (random.next() % 8) {
      case 0:
        file[at] = static_cast<std::uint8_t>(file[at] ^ (1u << (random.next() % 8)));
        break;
      case 1:
        file[at] = static_cast<std::uint8_t>(random.next());
        break;
      case 2:
        file[at] = kTelling[random.next() % std::size(kTelling)];
        break;
      case 3:
        file.resize(at);
        break;
      case 4:
        file.erase(file.begin() + offset, file.begin() + end);
        break;
      case 5: {
        const File copy(file.begin() + offset, file.begin() + end);
        file.insert(file.begin() + offset, copy.begin(), copy.end());
        break;
      }
      case 6:
        for (std::ptrdiff_t i = offset; i < end; ++i)
          file[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(random.next());
        break;
      default:
        if (other.size() > at)
          std::copy_n(other.begin() + offset, std::min(length, other.size() - at), file.begin() + offset);
        break;
    }
  }
  if (file.size() > 8 && file[0] == 0x89 && random.next() % 4 != 0) mend_png_checksums(file);
  return file;
}

}  // namespace diptych::fuzz
