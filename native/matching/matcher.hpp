// Which of many entries each text contains, by MetaCLIP's rule (Xu et al. 2023, Algorithm 1): texts are
// spaced (spacing.hpp), entries padded, and an entry matches where it is a substring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "matching/automaton.hpp"
#include "matching/word_trie.hpp"

namespace diptych::matching {

struct Matches {
  std::vector<std::int32_t> counts;  // of each text
  std::vector<std::int32_t> ids;     // of all texts, ascending within each
};

class Matcher {
 public:
  // Entry i is units[...lengths[i]...], one behind the other. between_spaces[i] != 0: it is padded by a space
  // on both sides, which the units leave out; else it is looked for as it stands.
  Matcher(std::span<const char16_t> units, std::span<const std::int32_t> lengths,
          std::span<const std::uint8_t> between_spaces);

  // Texts one behind the other, then kSpareUnits units of any kind. For one thread at a time.
  void match(std::span<const char16_t> units, std::span<const std::int32_t> lengths, Matches& out);

 private:
  std::optional<WordTrie> words_;
  std::optional<Automaton> others_;
  WordTrie::Scratch scratch_;
  std::vector<char16_t> spaced_;
};

}  // namespace diptych::matching
