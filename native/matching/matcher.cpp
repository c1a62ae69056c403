#include "matching/matcher.hpp"

#include <algorithm>
#include <limits>

#include "matching/spacing.hpp"

namespace diptych::matching {

namespace {

constexpr std::size_t kFew = 32;

// Ascending, each once, for a text's dozen entries: each id goes to the place that as many smaller ones leave
// it. Equal ones meet there, and leave holes behind. No branch depends on the ids.
std::size_t settle_few(std::int32_t* ids, std::size_t count) noexcept {
  std::int32_t given[kFew];
  std::int32_t places[kFew];
  const std::size_t padded = (count + 7) / 8 * 8;
  std::copy_n(ids, count, given);
  std::fill(given + count, given + padded, std::numeric_limits<std::int32_t>::max());
  std::fill_n(places, count, -1);
  for (std::size_t i = 0; i < count; ++i) {
    std::int32_t smaller = 0;
    for (std::size_t j = 0; j < padded; ++j) smaller += given[j] < given[i] ? 1 : 0;
    places[smaller] = given[i];
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ids[kept] = places[i];
    kept += places[i] >= 0 ? 1 : 0;
  }
  return kept;
}

void settle(std::vector<std::int32_t>& ids, std::size_t from) {
  const std::size_t count = ids.size() - from;
  if (count <= kFew) {
    ids.resize(from + settle_few(ids.data() + from, count));
    return;
  }
  const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(from);
  std::sort(begin, ids.end());
  ids.erase(std::unique(begin, ids.end()), ids.end());
}

}  // namespace

Matcher::Matcher(std::span<const char16_t> units, std::span<const std::int32_t> lengths,
                 std::span<const std::uint8_t> between_spaces) {
  std::vector<Units> inner;
  std::vector<std::int32_t> inner_ids;
  std::vector<Units> other;
  std::vector<std::int32_t> other_ids;
  std::size_t start = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto length = static_cast<std::size_t>(lengths[i]);
    const bool is_inner = between_spaces[i] != 0;
    (is_inner ? inner : other).push_back(units.subspan(start, length));
    (is_inner ? inner_ids : other_ids).push_back(static_cast<std::int32_t>(i));
    start += length;
  }
  if (!inner.empty()) words_.emplace(inner, inner_ids);
  if (!other.empty()) others_.emplace(other, other_ids);
}

void Matcher::match(std::span<const char16_t> units, std::span<const std::int32_t> lengths, Matches& out) {
  out.counts.clear();
  out.ids.clear();
  std::size_t start = 0;
  for (std::size_t first = 0; first < lengths.size(); first += WordTrie::kGroup) {
    const std::size_t count = std::min(WordTrie::kGroup, lengths.size() - first);
    Units texts[WordTrie::kGroup];
    for (std::size_t i = 0; i < count; ++i) {
      texts[i] = units.subspan(start, static_cast<std::size_t>(lengths[first + i]));
      start += texts[i].size();
    }
    if (words_) words_->look_up(std::span<const Units>(texts, count), scratch_);
    for (std::size_t text = 0; text < count; ++text) {
      const std::size_t from = out.ids.size();
      if (words_) words_->collect(scratch_, text, out.ids);
      if (others_) {
        space(texts[text], spaced_);
        others_->match(spaced_, [&](std::int32_t id) { out.ids.push_back(id); });
      }
      settle(out.ids, from);
      out.counts.push_back(static_cast<std::int32_t>(out.ids.size() - from));
    }
  }
}

}  // namespace diptych::matching
