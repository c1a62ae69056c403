// How MetaCLIP lays spaces (facebookresearch/MetaCLIP, substr_matching.py), so that matching substrings means
// matching words: one space around the text and around , . ; : ? ! `, and instead of tab and line ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace diptych::matching {

enum class Spacing : std::uint8_t { none, blank, wrapped };

inline constexpr std::array<Spacing, 128> kSpacing = [] {
  std::array<Spacing, 128> all{};
  for (const char mark : {' ', '\t', '\n', '\r'}) all[static_cast<std::size_t>(mark)] = Spacing::blank;
  for (const char mark : {',', '.', ';', ':', '?', '!', '`'})
    all[static_cast<std::size_t>(mark)] = Spacing::wrapped;
  return all;
}();

[[nodiscard]] inline Spacing spacing_of(char16_t unit) noexcept {
  return unit < kSpacing.size() ? kSpacing[unit] : Spacing::none;
}

// Calls found(start, length) for what stands between two spaces of the spaced text, in its order: pieces of
// the text itself, some of them empty.
template <class Found>
void for_words(std::span<const char16_t> text, Found found) {
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const Spacing kind = spacing_of(text[i]);
    if (kind == Spacing::none) continue;
    found(start, i - start);
    if (kind == Spacing::wrapped) found(i, std::size_t{1});
    start = i + 1;
  }
  found(start, text.size() - start);
}

// The spaced text itself.
inline void space(std::span<const char16_t> text, std::vector<char16_t>& out) {
  out.assign(1, u' ');
  for (const char16_t unit : text) {
    const Spacing kind = spacing_of(unit);
    if (kind == Spacing::wrapped) out.push_back(u' ');
    out.push_back(kind == Spacing::blank ? u' ' : unit);
    if (kind == Spacing::wrapped) out.push_back(u' ');
  }
  out.push_back(u' ');
}

}  // namespace diptych::matching
