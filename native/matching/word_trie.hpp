// Entries that begin and end with a space, as a tree of words: such an entry is a substring of a spaced text
// exactly when its words stand there one after the other. One look-up a word instead of one a character.
//
// The tables are larger than a core's caches, so texts are worked on in groups: all look-ups of a group are
// prefetched before the first is made. Most words have at most eight units, and are compared as two numbers;
// most pairs of words begin no entry, which a filter of two bits a pair tells without a look at the tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.hpp"

namespace diptych::matching {

using Units = std::span<const char16_t>;

// Words are read eight units at a time: this many behind a text must be readable.
inline constexpr std::size_t kSpareUnits = 8;

class WordTrie {
 public:
  // What stands between the outer spaces of entries[i]; ids[i] is what a match reports. Throws
  // std::bad_alloc.
  WordTrie(std::span<const Units> entries, std::span<const std::int32_t> ids);

  // Texts of a group.
  static constexpr std::size_t kGroup = 32;

  // A group of texts, looked up.
  struct Scratch {
    struct Token {
      std::uint64_t head[2];
      std::size_t slot;
      const char16_t* units;
      std::size_t length;
    };
    struct Step {
      std::int32_t word;      // -1: in no entry
      std::int32_t children;  // node below the root where longer entries go on, -1 for none
      std::int32_t entry;
      std::uint64_t edge;  // hash of the edge to the next word; kNoEdge where there is none
    };
    std::vector<Token> tokens;
    std::vector<Step> steps;
    std::vector<std::size_t> ends;
  };

  // Takes up to kGroup texts, each followed by kSpareUnits readable units.
  void look_up(std::span<const Units> texts, Scratch& scratch) const;
  // Appends the id of each occurrence of an entry in a text of the group.
  void collect(const Scratch& scratch, std::size_t text, std::vector<std::int32_t>& ids) const;

 private:
  // In `entry`: no entry ends here; -2 - k: several do, duplicates_[k].
  static constexpr std::int32_t kNone = -1;

  struct Word {
    std::uint64_t head[2];  // its first eight units, zeros behind
    std::int32_t number;    // -1: the slot is free
    std::int32_t children;
    std::int32_t entry;
    // Up to 8: its length. Else its place in pool_ + 9, where its length (two units) and its other units are.
    std::uint32_t place;
  };
  struct Edge {
    std::uint64_t key;  // node and word; kFreeKey: the slot is free
    std::int32_t children;
    std::int32_t entry;
  };
  static constexpr std::uint64_t kFreeKey = ~std::uint64_t{0};
  static constexpr std::uint64_t kNoEdge = ~std::uint64_t{0};
  static constexpr Word kFree{{0, 0}, -1, -1, kNone, 0};

  // A power of two of slots, on huge pages where they are to be had.
  template <class Slot>
  struct Table {
    base::AlignedBuffer<Slot> slots;
    std::size_t mask = 0;
    void make(std::size_t most_keys, const Slot& free);
    [[nodiscard]] std::size_t next(std::size_t slot) const noexcept { return (slot + 1) & mask; }
  };

  static std::uint64_t key_of(std::int32_t node, std::int32_t word) noexcept {
    return (std::uint64_t{static_cast<std::uint32_t>(node)} << 32) | static_cast<std::uint32_t>(word);
  }
  // All of an edge's places come from one hash.
  [[nodiscard]] std::size_t edge_slot(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash >> 20) & edges_.mask;
  }
  [[nodiscard]] std::size_t filter_place(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash >> 36) & (filter_.size() - 1);
  }
  static std::uint64_t filter_bits(std::uint64_t hash) noexcept {
    return (std::uint64_t{1} << (hash & 63)) | (std::uint64_t{1} << ((hash >> 6) & 63));
  }
  // False: there is no such edge.
  [[nodiscard]] bool may_exist(std::uint64_t hash) const noexcept {
    return (~filter_[filter_place(hash)] & filter_bits(hash)) == 0;
  }
  [[nodiscard]] const Edge* find_edge(std::uint64_t key, std::uint64_t hash) const noexcept;
  [[nodiscard]] bool is_rest(std::uint32_t place, const char16_t* units, std::size_t length) const noexcept;
  // From `slot` on: that of the word, or the free one where it belongs.
  [[nodiscard]] std::size_t find_word(const Scratch::Token& token) const noexcept;
  std::int32_t add_word(Units word);
  void widen();
  void add_entry(std::int32_t& entry, std::int32_t id);
  void report(std::int32_t entry, std::vector<std::int32_t>& ids) const;

  std::vector<char16_t> pool_;
  Table<Word> words_;
  Table<Edge> edges_;
  std::vector<std::uint64_t> filter_;
  std::vector<std::vector<std::int32_t>> duplicates_;
  std::int32_t next_word_ = 0;
};

}  // namespace diptych::matching
