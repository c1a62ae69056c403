// The matcher against a plain search, in memory that ends where it is allowed to read.
#include <algorithm>
#include <string>
#include <vector>

#include "harness.hpp"
#include "matching/matcher.hpp"
#include "matching/spacing.hpp"

namespace diptych::test {
namespace {

using matching::Matcher;

// Words on both sides of what is compared at once (8 units), marks, blanks, and none.
const std::u16string kWords[] = {u"a",        u"cat",       u"cats",       u"horse",
                                 u"horsefly", u"horseflys", u"horseflyst", std::u16string(40, u'x'),
                                 u"",         u"\u732b",    u"\xd83d",     std::u16string(1, u'\0')};
const std::u16string kBetween[] = {u" ", u" ", u" ", u"  ", u",", u". ", u"\t", u""};

std::u16string text_of(Random& random, std::size_t most_words) {
  const auto pick = [&](const auto& from) {
    return from[static_cast<std::size_t>(random.uniform() * static_cast<double>(std::size(from)))];
  };
  std::u16string text;
  for (auto words = static_cast<std::size_t>(random.uniform() * double(most_words + 1)); words > 0; --words)
    text += pick(kWords) + pick(kBetween);
  return text;
}

struct Packed {
  std::vector<char16_t> units;
  std::vector<std::int32_t> lengths;
};

Packed pack(const std::vector<std::u16string>& all, std::size_t spare) {
  Packed packed;
  for (const auto& one : all) {
    packed.units.insert(packed.units.end(), one.begin(), one.end());
    packed.lengths.push_back(static_cast<std::int32_t>(one.size()));
  }
  packed.units.insert(packed.units.end(), spare, u'?');
  packed.units.shrink_to_fit();
  return packed;
}

TEST("matching: what a plain search finds, each entry once, ascending") {
  Random random(11);
  std::vector<std::u16string> entries;
  for (int i = 0; i < 200; ++i) entries.push_back(text_of(random, 3));
  entries.push_back(entries[0]);
  entries.push_back(entries[0]);
  std::vector<std::uint8_t> between(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i)
    between[i] = entries[i].empty() || random.uniform() < 0.7 ? 1 : 0;
  const Packed given = pack(entries, 0);
  Matcher matcher(given.units, given.lengths, between);
  for (const std::size_t count : {0u, 1u, 31u, 32u, 33u, 200u}) {
    std::vector<std::u16string> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back(text_of(random, 14));
    const Packed packed = pack(texts, matching::kSpareUnits);
    matching::Matches found;
    matcher.match(packed.units, packed.lengths, found);
    std::vector<std::int32_t> ids;
    std::vector<char16_t> spaced;
    for (std::size_t text = 0; text < count; ++text) {
      matching::space(texts[text], spaced);
      const std::size_t before = ids.size();
      for (std::size_t i = 0; i < entries.size(); ++i) {
        const auto entry = between[i] != 0 ? u" " + entries[i] + u" " : entries[i];
        if (std::search(spaced.begin(), spaced.end(), entry.begin(), entry.end()) != spaced.end())
          ids.push_back(static_cast<std::int32_t>(i));
      }
      CHECK_EQUAL(found.counts[text], static_cast<std::int32_t>(ids.size() - before));
    }
    CHECK_EQUAL(found.counts.size(), count);
    CHECK(found.ids == ids);
  }
}

}  // namespace
}  // namespace diptych::test
