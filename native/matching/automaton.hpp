// Aho and Corasick's automaton (CACM 1975) over UTF-16 units: finds all occurrences of any number of strings
// in one pass. For the entries that do not stand between spaces (MetaCLIP 2's scripts without spaces).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace diptych::matching {

class Automaton {
 public:
  // `ids[i]` is what an occurrence of `entries[i]` reports. Empty entries are never found.
  Automaton(std::span<const std::span<const char16_t>> entries, std::span<const std::int32_t> ids);

  // Calls found(id) for each occurrence of an entry.
  template <class Found>
  void match(std::span<const char16_t> text, Found found) const {
    std::int32_t node = 0;
    for (const char16_t unit : text) {
      node = next(node, unit);
      for (std::int32_t end = nodes_[index(node)].output; end >= 0; end = shorter(end)) {
        for (std::int32_t at = nodes_[index(end)].first; at >= 0; at = ends_[index(at)].next)
          found(ends_[index(at)].id);
      }
    }
  }

 private:
  struct Edge {
    std::int32_t from;  // -1: the slot is free
    std::int32_t to;
    char16_t unit;
  };
  struct Node {
    std::int32_t fail;
    std::int32_t output;  // the nearest node along the failure links, itself included, where an entry ends
    std::int32_t first;   // in ends_
  };
  struct End {
    std::int32_t id;
    std::int32_t next;
  };

  static std::size_t index(std::int32_t at) noexcept { return static_cast<std::size_t>(at); }
  // The next shorter node where an entry ends; -1 for none.
  [[nodiscard]] std::int32_t shorter(std::int32_t end) const noexcept {
    const std::int32_t fail = nodes_[index(end)].fail;
    return fail == 0 ? -1 : nodes_[index(fail)].output;
  }
  [[nodiscard]] std::size_t slot(std::int32_t from, char16_t unit) const noexcept;
  // The node after `unit`, along failure links where the tree has no such edge.
  [[nodiscard]] std::int32_t next(std::int32_t from, char16_t unit) const noexcept;

  std::vector<Edge> edges_;
  std::vector<Node> nodes_;
  std::vector<End> ends_;
};

}  // namespace diptych::matching
