#include "matching/word_trie.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "base/huge_pages.hpp"
#include "matching/spacing.hpp"

namespace diptych::matching {

namespace {

constexpr std::size_t kHead = 8;

constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x *= 0x9e3779b97f4a7c15ull;
  return x ^ (x >> 29);
}
// The one key whose hash means that there is no edge: its node is none.
static_assert(mix(0xbc06da9cb4a55c03ull) == ~std::uint64_t{0} && (0xbc06da9cu >> 31) == 1);

// The first `count` (4 for more) of four units.
std::uint64_t first_units(const char16_t* units, std::size_t count) noexcept {
  constexpr bool little = std::endian::native == std::endian::little;
  constexpr std::uint64_t all = ~std::uint64_t{0};
  constexpr std::uint64_t masks[] = {0, little ? all >> 48 : all << 48, little ? all >> 32 : all << 32,
                                     little ? all >> 16 : all << 16, all};
  std::uint64_t bits;
  std::memcpy(&bits, units, sizeof bits);
  return bits & masks[std::min<std::size_t>(count, 4)];
}

// A word with its head and where its slot begins to be looked for. Reads kHead units, whatever the length.
WordTrie::Scratch::Token token_of(const char16_t* units, std::size_t length, std::size_t mask) noexcept {
  const std::uint64_t low = first_units(units, length);
  const std::uint64_t high = first_units(units + 4, length > 4 ? length - 4 : 0);
  std::uint64_t hash = mix(mix(low ^ length) ^ high);
  for (std::size_t i = kHead; i < length; ++i) hash = mix(hash ^ units[i]);
  return {{low, high}, static_cast<std::size_t>(hash >> 24) & mask, units, length};
}

// The pieces between the spaces inside an entry: only true spaces count, as the entry is not spaced itself.
template <class Found>
void for_pieces(Units entry, Found found) {
  std::size_t start = 0;
  for (std::size_t i = 0; i <= entry.size(); ++i) {
    if (i < entry.size() && entry[i] != u' ') continue;
    found(entry.subspan(start, i - start));
    start = i + 1;
  }
}

}  // namespace

template <class Slot>
void WordTrie::Table<Slot>::make(std::size_t most_keys, const Slot& free) {
  const std::size_t count = std::bit_ceil(std::max<std::size_t>(16, most_keys * 2 + 1));
  if (!slots.reserve(count)) throw std::bad_alloc();
  base::use_huge_pages(slots.data(), count * sizeof(Slot));
  std::fill_n(slots.data(), count, free);
  mask = count - 1;
}

WordTrie::WordTrie(std::span<const Units> entries, std::span<const std::int32_t> ids) {
  words_.make(0, kFree);
  std::vector<std::int32_t> pieces;
  for (const Units entry : entries) {
    for_pieces(entry, [&](Units piece) { pieces.push_back(add_word(piece)); });
  }
  std::vector<Word*> words(static_cast<std::size_t>(next_word_));
  for (Word& word : words_.slots.first(words_.mask + 1)) {
    if (word.number >= 0) words[static_cast<std::size_t>(word.number)] = &word;
  }
  const std::size_t most_edges = pieces.size() - entries.size();
  edges_.make(most_edges, {kFreeKey, -1, kNone});
  // 16 bits an edge, of which two are set: one pair in a hundred passes in vain.
  filter_.assign(std::bit_ceil(std::max<std::size_t>(1, most_edges / 4)), 0);
  std::int32_t nodes = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Word& first = *words[static_cast<std::size_t>(pieces[at++])];
    // Where the path so far may go on, and what ends there.
    std::int32_t* children = &first.children;
    std::int32_t* entry = &first.entry;
    for (auto more = std::count(entries[i].begin(), entries[i].end(), u' '); more > 0; --more) {
      // A node is numbered when its first child comes: a leaf needs no look-up.
      if (*children < 0) *children = nodes++;
      const std::uint64_t key = key_of(*children, pieces[at++]);
      const std::uint64_t hash = mix(key);
      filter_[filter_place(hash)] |= filter_bits(hash);
      std::size_t slot = edge_slot(hash);
      while (edges_.slots.data()[slot].key != kFreeKey && edges_.slots.data()[slot].key != key)
        slot = edges_.next(slot);
      Edge& edge = edges_.slots.data()[slot];
      edge.key = key;
      children = &edge.children;
      entry = &edge.entry;
    }
    add_entry(*entry, ids[i]);
  }
}

const WordTrie::Edge* WordTrie::find_edge(std::uint64_t key, std::uint64_t hash) const noexcept {
  for (std::size_t slot = edge_slot(hash);; slot = edges_.next(slot)) {
    const Edge& edge = edges_.slots.data()[slot];
    if (edge.key == key) return &edge;
    if (edge.key == kFreeKey) return nullptr;
  }
}

bool WordTrie::is_rest(std::uint32_t place, const char16_t* units, std::size_t length) const noexcept {
  if (place <= kHead) return false;
  const char16_t* own = pool_.data() + (place - kHead - 1);
  const std::size_t own_length = std::size_t{own[0]} | (std::size_t{own[1]} << 16);
  return own_length == length && std::equal(units + kHead, units + length, own + 2);
}

std::size_t WordTrie::find_word(const Scratch::Token& token) const noexcept {
  for (std::size_t slot = token.slot;; slot = words_.next(slot)) {
    const Word& word = words_.slots.data()[slot];
    const bool same_head = word.head[0] == token.head[0] && word.head[1] == token.head[1];
    if (same_head && word.number >= 0) {
      const bool same =
          token.length <= kHead ? word.place == token.length : is_rest(word.place, token.units, token.length);
      if (same) return slot;
    }
    if (word.number < 0) return slot;
  }
}

// The number of a word, a new one where it is not known.
std::int32_t WordTrie::add_word(Units word) {
  char16_t head[kHead] = {};
  std::copy_n(word.data(), std::min(word.size(), kHead), head);
  auto token = token_of(head, std::min(word.size(), kHead), words_.mask);
  if (word.size() > kHead) token = token_of(word.data(), word.size(), words_.mask);
  Word& slot = words_.slots.data()[find_word(token)];
  if (slot.number >= 0) return slot.number;
  auto place = static_cast<std::uint32_t>(word.size());
  if (word.size() > kHead) {
    if (pool_.size() > (std::size_t{1} << 31)) throw std::bad_alloc();
    place = static_cast<std::uint32_t>(pool_.size() + kHead + 1);
    pool_.push_back(static_cast<char16_t>(word.size() & 0xffff));
    pool_.push_back(static_cast<char16_t>(word.size() >> 16));
    pool_.insert(pool_.end(), word.begin() + kHead, word.end());
  }
  slot = {{token.head[0], token.head[1]}, next_word_, -1, kNone, place};
  if (static_cast<std::size_t>(next_word_ + 1) * 2 > words_.mask) widen();
  return next_word_++;
}

void WordTrie::widen() {
  Table<Word> wider;
  wider.make(words_.mask + 1, kFree);
  for (const Word& word : words_.slots.first(words_.mask + 1)) {
    if (word.number < 0) continue;
    std::vector<char16_t> units(kHead);
    std::memcpy(units.data(), word.head, sizeof word.head);
    std::size_t length = word.place;
    if (word.place > kHead) {
      const char16_t* own = pool_.data() + (word.place - kHead - 1);
      length = std::size_t{own[0]} | (std::size_t{own[1]} << 16);
      units.insert(units.end(), own + 2, own + 2 + (length - kHead));
    }
    std::size_t slot = token_of(units.data(), length, wider.mask).slot;
    while (wider.slots.data()[slot].number >= 0) slot = wider.next(slot);
    wider.slots.data()[slot] = word;
  }
  words_ = std::move(wider);
}

void WordTrie::add_entry(std::int32_t& entry, std::int32_t id) {
  if (entry == kNone) {
    entry = id;
  } else if (entry >= 0) {
    duplicates_.push_back({entry, id});
    entry = -2 - static_cast<std::int32_t>(duplicates_.size() - 1);
  } else {
    duplicates_[static_cast<std::size_t>(-2 - entry)].push_back(id);
  }
}

void WordTrie::look_up(std::span<const Units> texts, Scratch& scratch) const {
  std::size_t most = 0;
  for (const Units text : texts) most += text.size() + 1;
  if (scratch.tokens.size() < most) {
    scratch.tokens.resize(most);
    scratch.steps.resize(most);
  }
  scratch.ends.clear();
  auto* tokens = scratch.tokens.data();
  auto* steps = scratch.steps.data();
  std::size_t count = 0;
  for (const Units text : texts) {
    for_words(text, [&](std::size_t start, std::size_t length) {
      tokens[count] = token_of(text.data() + start, length, words_.mask);
      __builtin_prefetch(words_.slots.data() + tokens[count].slot);
      ++count;
    });
    scratch.ends.push_back(count);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Word& word = words_.slots.data()[find_word(tokens[i])];
    steps[i] = {word.number, word.children, word.entry, kNoEdge};
  }
  // Also across the ends of texts, where the edge is not followed: that costs less than to ask.
  for (std::size_t i = 0; i + 1 < count; ++i) {
    if (steps[i].children < 0 || steps[i + 1].word < 0) continue;
    steps[i].edge = mix(key_of(steps[i].children, steps[i + 1].word));
    __builtin_prefetch(filter_.data() + filter_place(steps[i].edge));
  }
  for (std::size_t i = 0; i + 1 < count; ++i) {
    if (steps[i].edge == kNoEdge) continue;
    if (may_exist(steps[i].edge)) {
      __builtin_prefetch(edges_.slots.data() + edge_slot(steps[i].edge));
    } else {
      steps[i].edge = kNoEdge;
    }
  }
}

inline void WordTrie::report(std::int32_t entry, std::vector<std::int32_t>& ids) const {
  if (entry >= 0) {
    ids.push_back(entry);
  } else if (entry != kNone) {
    const auto& all = duplicates_[static_cast<std::size_t>(-2 - entry)];
    ids.insert(ids.end(), all.begin(), all.end());
  }
}

void WordTrie::collect(const Scratch& scratch, std::size_t text, std::vector<std::int32_t>& ids) const {
  const auto* steps = scratch.steps.data();
  const std::size_t end = scratch.ends[text];
  for (std::size_t at = text == 0 ? 0 : scratch.ends[text - 1]; at < end; ++at) {
    report(steps[at].entry, ids);
    std::int32_t node = steps[at].children;
    std::uint64_t hash = steps[at].edge;
    for (std::size_t next = at + 1; hash != kNoEdge && next < end; ++next) {
      const Edge* edge = find_edge(key_of(node, steps[next].word), hash);
      if (edge == nullptr) break;
      report(edge->entry, ids);
      node = edge->children;
      if (node < 0 || next + 1 == end || steps[next + 1].word < 0) break;
      hash = mix(key_of(node, steps[next + 1].word));
      if (!may_exist(hash)) break;
    }
  }
}

}  // namespace diptych::matching
