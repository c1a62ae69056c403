#include "matching/automaton.hpp"

#include <algorithm>
#include <bit>

namespace diptych::matching {

Automaton::Automaton(std::span<const std::span<const char16_t>> entries, std::span<const std::int32_t> ids) {
  std::size_t units = 0;
  for (const auto entry : entries) units += entry.size();
  edges_.assign(std::bit_ceil(std::max<std::size_t>(16, units * 2 + 1)), {-1, 0, 0});
  nodes_.push_back({0, -1, -1});
  struct Origin {
    std::int32_t parent;
    std::int32_t node;
    char16_t unit;
  };
  // By depth, as failure links need the shallower nodes first.
  std::vector<std::vector<Origin>> levels;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::int32_t node = 0;
    for (std::size_t depth = 0; depth < entries[i].size(); ++depth) {
      const char16_t unit = entries[i][depth];
      Edge& edge = edges_[slot(node, unit)];
      if (edge.from < 0) {
        edge = {node, static_cast<std::int32_t>(nodes_.size()), unit};
        if (depth == levels.size()) levels.emplace_back();
        levels[depth].push_back({node, edge.to, unit});
        nodes_.push_back({0, -1, -1});
      }
      node = edge.to;
    }
    if (node == 0) continue;
    ends_.push_back({ids[i], nodes_[index(node)].first});
    nodes_[index(node)].first = static_cast<std::int32_t>(ends_.size() - 1);
  }
  for (const auto& level : levels) {
    for (const auto& [parent, node, unit] : level) {
      Node& own = nodes_[index(node)];
      own.fail = parent == 0 ? 0 : next(nodes_[index(parent)].fail, unit);
      own.output = own.first >= 0 ? node : nodes_[index(own.fail)].output;
    }
  }
}

std::size_t Automaton::slot(std::int32_t from, char16_t unit) const noexcept {
  const std::uint64_t key = (std::uint64_t{static_cast<std::uint32_t>(from)} << 16) | unit;
  const std::size_t mask = edges_.size() - 1;
  for (std::size_t at = static_cast<std::size_t>((key * 0x9e3779b97f4a7c15ull) >> 24) & mask;;
       at = (at + 1) & mask) {
    const Edge& edge = edges_[at];
    if (edge.from < 0 || (edge.from == from && edge.unit == unit)) return at;
  }
}

std::int32_t Automaton::next(std::int32_t from, char16_t unit) const noexcept {
  for (std::int32_t node = from;; node = nodes_[index(node)].fail) {
    const Edge& edge = edges_[slot(node, unit)];
    if (edge.from >= 0) return edge.to;
    if (node == 0) return 0;
  }
}

}  // namespace diptych::matching
