// exports: matcherCreate, matcherMatch (src/native/matching-binding.ts). A matcher goes through JavaScript as
// an External. Both calls work on the calling thread: a batch of captions takes a few milliseconds.
#include <algorithm>
#include <memory>
#include <vector>

#include "bind/args.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"
#include "matching/matcher.hpp"

namespace diptych::bind {
namespace {

using matching::Matcher;

// No other addon's External carries this.
constexpr napi_type_tag matcher_tag{0x646970747963680aull, 0x6d61746368657201ull};

// A matcher with the memory that its calls use again and again: fresh pages cost more than the copy into
// them.
struct Held {
  Matcher matcher;
  std::vector<char16_t> units;
  matching::Matches found;
};

// The units of a string, with what matchers may read behind them. Lone surrogates stay what they are.
std::size_t read_units(const Args& args, Napi::Env env, std::size_t index, std::string_view name,
                       std::vector<char16_t>& units) {
  const Napi::Value value = args.value(index);
  args.require(value.IsString(), name, "must be a string");
  std::size_t length = 0;
  if (napi_get_value_string_utf16(env, value, nullptr, 0, &length) != napi_ok) throw Napi::Error::New(env);
  if (units.size() < length + 1 + matching::kSpareUnits) units.resize(length + 1 + matching::kSpareUnits);
  if (napi_get_value_string_utf16(env, value, units.data(), length + 1, &length) != napi_ok)
    throw Napi::Error::New(env);
  return length;
}

// Lengths that add up to `units`.
Slice<std::int32_t> lengths_argument(const Args& args, std::size_t index, std::size_t units) {
  const auto lengths = args.typed<std::int32_t>(index, "lengths");
  std::size_t sum = 0;
  for (const std::int32_t length : lengths.data) {
    args.require(length >= 0, "lengths", "must not be negative");
    sum += static_cast<std::size_t>(length);
  }
  args.require(sum == units, "lengths", "must add up to the length of the string");
  return lengths;
}

// matcherCreate(entries, lengths, betweenSpaces)
Napi::Value create(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const Args args(info, "matcherCreate", 3);
    std::vector<char16_t> units;
    const std::size_t length = read_units(args, info.Env(), 0, "entries", units);
    const auto lengths = lengths_argument(args, 1, length);
    const auto between = args.typed<std::uint8_t>(2, "betweenSpaces", lengths.data.size());
    args.require(lengths.data.size() < (std::size_t{1} << 31), "lengths", "must be fewer than 2^31");
    auto made = std::make_unique<Held>(Held{Matcher(units, lengths.data, between.data), {}, {}});
    const auto external = Napi::External<Held>::New(info.Env(), made.release(),
                                                    [](Napi::BasicEnv, Held* held) { delete held; });
    external.TypeTag(&matcher_tag);
    return Napi::Value(external);
  });
}

Napi::Value int32_array(Napi::Env env, const std::vector<std::int32_t>& from) {
  auto array = Napi::Int32Array::New(env, from.size());
  std::copy(from.begin(), from.end(), array.Data());
  return array;
}

// matcherMatch(matcher, texts, lengths) -> { counts, ids }
Napi::Value match(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const Args args(info, "matcherMatch", 3);
    const Napi::Value given = args.value(0);
    args.require(given.IsExternal() && given.As<Napi::External<Held>>().CheckTypeTag(&matcher_tag), "matcher",
                 "must be what matcherCreate gave");
    auto& [matcher, units, found] = *given.As<Napi::External<Held>>().Data();
    const auto lengths = lengths_argument(args, 2, read_units(args, info.Env(), 1, "texts", units));
    matcher.match(units, lengths.data, found);
    const auto result = Napi::Object::New(info.Env());
    result.Set("counts", int32_array(info.Env(), found.counts));
    result.Set("ids", int32_array(info.Env(), found.ids));
    return Napi::Value(result);
  });
}

}  // namespace

void export_matching(Napi::Env env, Napi::Object exports) {
  exports.Set("matcherCreate", Napi::Function::New(env, create, "matcherCreate"));
  exports.Set("matcherMatch", Napi::Function::New(env, match, "matcherMatch"));
}

}  // namespace diptych::bind
