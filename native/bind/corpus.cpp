// corpusAppend, corpusOpen, corpusSave, corpusInfo, corpusTopK, corpusRange: see
// src/native/similarity-binding.ts. A corpus goes through JavaScript as an External that holds a shared
// pointer; tasks hold one of their own.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "bind/exports.hpp"
#include "bind/similarity_args.hpp"
#include "bind/throw.hpp"
#include "similarity/corpus.hpp"
#include "similarity/range.hpp"
#include "similarity/topk.hpp"

namespace diptych::bind {
namespace {

using base::Code;
using similarity::Corpus;
using similarity::Options;
using similarity::Rows;
using similarity::Segment;

using Handle = std::shared_ptr<const Corpus>;
// No other addon's External carries this.
constexpr napi_type_tag corpus_tag{0x646970747963680aull, 0x636f727075730001ull};

Napi::Value wrap(Napi::Env env, Handle corpus) {
  const auto bytes = static_cast<std::int64_t>(corpus->bytes());
  const auto external = Napi::External<Handle>::New(
      env, new Handle(std::move(corpus)), [bytes](Napi::BasicEnv finalizer_env, Handle* handle) {
        Napi::MemoryManagement::AdjustExternalMemory(finalizer_env, -bytes);
        delete handle;
      });
  Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
  external.TypeTag(&corpus_tag);
  return external;
}

Handle corpus_argument(const Args& args, std::size_t index) {
  const Napi::Value value = args.value(index);
  args.require(value.IsExternal() && value.As<Napi::External<Handle>>().CheckTypeTag(&corpus_tag), "corpus",
               "must be what corpusAppend or corpusOpen gave");
  return *value.As<Napi::External<Handle>>().Data();
}

// The callers' rows of every part, checked anew: their buffers may have been transferred since. Mapped parts:
// null.
std::vector<Rows> part_rows(const Args& args, std::size_t index, const Corpus& corpus,
                            std::vector<Napi::Value>& pinned) {
  const Napi::Array given = args.array(index, "parts");
  args.require(given.Length() == corpus.parts().size(), "parts", "must be as many as the corpus has");
  std::vector<Rows> all;
  for (std::uint32_t i = 0; i < given.Length(); ++i) {
    const auto& part = *corpus.parts()[i];
    const Napi::Value value = given.Get(i);
    if (part.rows.data != nullptr) {
      all.push_back(part.rows);
      continue;
    }
    const BoundRows bound = rows_of(value, args.where("parts"));
    args.require(bound.rows.rows == part.rows.rows && bound.rows.dim == part.rows.dim &&
                     bound.rows.type == part.rows.type,
                 "parts", "must be the rows that were prepared");
    pinned.push_back(bound.data);
    all.push_back(bound.rows);
  }
  return all;
}

Napi::Value append(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "corpusAppend", 4);
    const Handle base = args.is_nullish(0) ? nullptr : corpus_argument(args, 0);
    const BoundRows rows = rows_argument(args, 1, "rows");
    if (base != nullptr) {
      args.require(rows.rows.dim == base->dim() && rows.rows.type == base->type(), "rows",
                   "must have the corpus' dim and type");
      args.require(rows.rows.rows + base->rows() < (std::size_t{1} << 31), "rows", "would be too many");
    }
    auto made = std::make_shared<Handle>();
    return start(args, info.Env(), {rows.data}, 3,
                 {options_argument(args, 2),
                  [base, r = rows.rows, made](const Options& options) {
                    return Corpus::append(base.get(), r, options, *made);
                  },
                  [made](Napi::Env env) { return wrap(env, std::move(*made)); }});
  });
}

Napi::Value open(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const Args args(info, "corpusOpen", 1);
    Handle made;
    throw_if_failed(info.Env(), Corpus::open(args.string(0, "path"), made));
    return wrap(info.Env(), std::move(made));
  });
}

Napi::Value save(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const Args args(info, "corpusSave", 4);
    const Handle corpus = corpus_argument(args, 0);
    std::vector<Napi::Value> pinned;
    std::vector<Rows> parts = part_rows(args, 1, *corpus, pinned);
    return start(args, info.Env(), pinned, 3,
                 {Options{}, [corpus, parts = std::move(parts), path = args.string(2, "path")](
                                 const Options& options) { return corpus->save(path, parts, options); }});
  });
}

Napi::Value describe(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const Args args(info, "corpusInfo", 1);
    const Handle corpus = corpus_argument(args, 0);
    const Napi::Object result = Napi::Object::New(info.Env());
    result.Set("rows", static_cast<double>(corpus->rows()));
    result.Set("dim", static_cast<double>(corpus->dim()));
    result.Set("metric", corpus->metric() == similarity::Metric::cosine ? "cosine" : "dot");
    result.Set("bytes", static_cast<double>(corpus->bytes()));
    return Napi::Value(result);
  });
}

Napi::Value top_k(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "corpusTopK", 9);
    const BoundRows queries = rows_argument(args, 0, "queries");
    const Handle corpus = corpus_argument(args, 1);
    std::vector<Napi::Value> pinned{queries.data};
    std::vector<Rows> parts = part_rows(args, 2, *corpus, pinned);
    args.require(queries.rows.dim == corpus->dim(), "queries", "must have the corpus' dim");
    const std::size_t k = args.size(3, "k", 1);
    args.require(k <= corpus->rows(), "k", "must not be more than there are rows");
    std::size_t elements = 0;
    args.require(base::multiply(queries.rows.rows, k, &elements), "k", "is too large");
    const auto indices = args.typed<std::int32_t>(4, "indices", elements);
    const auto scores = args.typed<float>(5, "scores", elements);
    const auto progress = args.typed<double>(6, "progress", 1);
    Options options = options_argument(args, 7);
    args.require(options.metric == corpus->metric(), "options", "must have the corpus' metric");
    options.progress = progress.data.data();
    pinned.insert(pinned.end(), {indices.value, scores.value, progress.value});
    return start(args, info.Env(), pinned, 8,
                 {std::move(options), [q = queries.rows, corpus, parts = std::move(parts), k,
                                       i = indices.data, s = scores.data](const Options& chosen) {
                    std::vector<Segment> segments = corpus->segments(parts);
                    return similarity::top_k(q, segments, corpus->centre(), k, i, s, chosen);
                  }});
  });
}

// The pairs as four arrays of one length.
Napi::Value arrays_of(Napi::Env env, const std::vector<similarity::ScoredPair>& pairs) {
  auto queries = Napi::Int32Array::New(env, pairs.size());
  auto rows = Napi::Int32Array::New(env, pairs.size());
  auto scores = Napi::Float32Array::New(env, pairs.size());
  auto keys = Napi::Float64Array::New(env, pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    queries.Data()[i] = pairs[i].query;
    rows.Data()[i] = pairs[i].row;
    scores.Data()[i] = pairs[i].score;
    keys.Data()[i] = pairs[i].key;
  }
  const Napi::Object result = Napi::Object::New(env);
  result.Set("queries", queries);
  result.Set("rows", rows);
  result.Set("scores", scores);
  result.Set("keys", keys);
  return result;
}

Napi::Value range(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "corpusRange", 6);
    const Handle corpus = corpus_argument(args, 1);
    std::vector<Napi::Value> pinned;
    std::vector<Rows> parts = part_rows(args, 2, *corpus, pinned);
    // A number is a part of the corpus itself: a self-join.
    const bool self = args.value(0).IsNumber();
    Rows queries;
    std::size_t base = 0;
    if (self) {
      args.require(!parts.empty(), "queries", "must be a part of the corpus");
      const std::size_t part = args.size(0, "queries", 0, parts.size() - 1);
      queries = parts[part];
      base = corpus->parts()[part]->first;
    } else {
      const BoundRows given = rows_argument(args, 0, "queries");
      pinned.push_back(given.data);
      queries = given.rows;
    }
    args.require(queries.dim == corpus->dim(), "queries", "must have the corpus' dim");
    const Fields asked(args.object(3, "range"), args.where("range"));
    const std::size_t first = asked.size("first", 0, queries.rows);
    const std::size_t count = asked.size("count", 0, queries.rows - first);
    const double threshold = asked.number("threshold");
    const std::size_t limit = asked.size("limit");
    Options options = options_argument(args, 4);
    args.require(options.metric == corpus->metric(), "options", "must have the corpus' metric");
    auto pairs = std::make_shared<std::vector<similarity::ScoredPair>>();
    return start(args, info.Env(), pinned, 5,
                 {std::move(options),
                  [q = queries, corpus, parts = std::move(parts), first, count, threshold, limit, self, base,
                   pairs](const Options& chosen) {
                    std::vector<Segment> segments = corpus->segments(parts);
                    return similarity::range_search({q, first, count, threshold, self, base, limit}, segments,
                                                    corpus->centre(), chosen, *pairs);
                  },
                  [pairs](Napi::Env env) { return arrays_of(env, *pairs); }});
  });
}

}  // namespace

void export_corpus(Napi::Env, Napi::Object exports) {
  add_function(exports, "corpusAppend", append);
  add_function(exports, "corpusOpen", open);
  add_function(exports, "corpusSave", save);
  add_function(exports, "corpusInfo", describe);
  add_function(exports, "corpusTopK", top_k);
  add_function(exports, "corpusRange", range);
}

}  // namespace diptych::bind
