// blockSearchStart, blockSearchRows, blockSearchFinish: see src/native/similarity-binding.ts. A search goes
// through JavaScript as an External; one call at a time may use it.
#include "similarity/block_search.hpp"

#include <atomic>
#include <memory>

#include "base/aligned_buffer.hpp"
#include "bind/exports.hpp"
#include "bind/similarity_args.hpp"
#include "bind/throw.hpp"

namespace diptych::bind {
namespace {

using base::Code;
using base::Status;
using similarity::BlockSearch;
using similarity::Options;
using similarity::Rows;

struct Held {
  Held(const Rows& given, std::size_t hits) : queries(given), k(hits) {}

  // The caller's queries: every call brings them again, which keeps them in memory meanwhile.
  Rows queries;
  std::size_t k;
  // Gone once it has ended, well or not.
  std::unique_ptr<BlockSearch> search;
  std::atomic<bool> busy{false};

  // Runs one step, unless another is under way.
  template <class Step>
  Status use(bool last, Step step) {
    if (busy.exchange(true)) return Status::fail(Code::bad_input, "search: another call is under way");
    Status status = search == nullptr ? Status::fail(Code::bad_input, "search: it has ended") : step(*search);
    if (last || !status.ok()) search.reset();
    busy = false;
    return status;
  }
};

using Handle = std::shared_ptr<Held>;
// No other addon's External carries this.
constexpr napi_type_tag search_tag{0x646970747963680aull, 0x7365617263680001ull};

Handle search_argument(const Args& args, std::size_t index) {
  const Napi::Value value = args.value(index);
  args.require(value.IsExternal() && value.As<Napi::External<Handle>>().CheckTypeTag(&search_tag), "search",
               "must be what blockSearchStart gave");
  return *value.As<Napi::External<Handle>>().Data();
}

BoundRows same_queries(const Args& args, std::size_t index, const Held& held) {
  const BoundRows queries = rows_argument(args, index, "queries");
  args.require(queries.rows.data == held.queries.data && queries.rows.rows == held.queries.rows &&
                   queries.rows.dim == held.queries.dim && queries.rows.type == held.queries.type,
               "queries", "must be those of blockSearchStart");
  return queries;
}

Napi::Value begin(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "blockSearchStart", 5);
    const BoundRows queries = rows_argument(args, 0, "queries");
    const BoundRows sample = rows_argument(args, 1, "sample");
    args.require(queries.rows.dim == sample.rows.dim, "sample", "must have the queries' dim");
    const std::size_t k = args.size(2, "k", 1, 0x7fffffff);
    std::size_t elements = 0;
    args.require(base::multiply(queries.rows.rows, k, &elements), "k", "is too large");
    auto held = std::make_shared<Held>(queries.rows, k);
    return start(args, info.Env(), {queries.data, sample.data}, 4,
                 {options_argument(args, 3),
                  [held, s = sample.rows](const Options& options) {
                    return BlockSearch::start(held->queries, s, held->k, options, held->search);
                  },
                  [held](Napi::Env env) {
                    const auto external = Napi::External<Handle>::New(
                        env, new Handle(held), [](Napi::BasicEnv, Handle* handle) { delete handle; });
                    external.TypeTag(&search_tag);
                    return Napi::Value(external);
                  }});
  });
}

Napi::Value rows(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "blockSearchRows", 5);
    const Handle held = search_argument(args, 0);
    const BoundRows queries = same_queries(args, 1, *held);
    const BoundRows block = rows_argument(args, 2, "rows");
    args.require(block.rows.dim == queries.rows.dim, "rows", "must have the queries' dim");
    const auto progress = args.typed<double>(3, "progress", 1);
    Options options;
    options.progress = progress.data.data();
    return start(args, info.Env(), {queries.data, block.data, progress.value}, 4,
                 {std::move(options), [held, r = block.rows](const Options& chosen) {
                    return held->use(false, [&](BlockSearch& search) { return search.search(r, chosen); });
                  }});
  });
}

Napi::Value finish(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const Args args(info, "blockSearchFinish", 5);
    const Handle held = search_argument(args, 0);
    const BoundRows queries = same_queries(args, 1, *held);
    const std::size_t elements = held->queries.rows * held->k;
    const auto indices = args.typed<std::int32_t>(2, "indices", elements);
    const auto scores = args.typed<float>(3, "scores", elements);
    return start(args, info.Env(), {queries.data, indices.value, scores.value}, 4,
                 {Options{}, [held, i = indices.data, s = scores.data](const Options&) {
                    return held->use(true, [&](BlockSearch& search) { return search.finish(i, s); });
                  }});
  });
}

}  // namespace

void export_block_search(Napi::Env, Napi::Object exports) {
  add_function(exports, "blockSearchStart", begin);
  add_function(exports, "blockSearchRows", rows);
  add_function(exports, "blockSearchFinish", finish);
}

}  // namespace diptych::bind
