// similarityDense, similarityLogits, similarityTopK, similarityTopKFile, similarityRank, normaliseRows,
// rowNorms, meanRow: see src/native/similarity-binding.ts.
#include "base/aligned_buffer.hpp"
#include "bind/exports.hpp"
#include "bind/similarity_args.hpp"
#include "bind/throw.hpp"
#include "similarity/dense.hpp"
#include "similarity/file_search.hpp"
#include "similarity/logits.hpp"
#include "similarity/norms.hpp"
#include "similarity/reduce.hpp"
#include "similarity/topk.hpp"

namespace diptych::bind {
namespace {

using similarity::Options;
using similarity::Rows;

Napi::Value dense(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "similarityDense", 5);
    const BoundRows a = rows_argument(args, 0, "a");
    const BoundRows b = rows_argument(args, 1, "b");
    args.require(a.rows.dim == b.rows.dim, "b", "must have a's dim");
    std::size_t elements = 0;
    args.require(base::multiply(a.rows.rows, b.rows.rows, &elements), "out", "would be too large");
    const auto out = args.typed<float>(2, "out", elements);
    return start(
        args, info.Env(), {a.data, b.data, out.value}, 4,
        {options_argument(args, 3), [a = a.rows, b = b.rows, out = out.data](const Options& options) {
           return similarity::dense(a, b, out, options);
         }});
  });
}

Napi::Value logits(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "similarityLogits", 6);
    const BoundRows a = rows_argument(args, 0, "a");
    const BoundRows b = rows_argument(args, 1, "b");
    args.require(a.rows.dim == b.rows.dim, "b", "must have a's dim");
    const similarity::LogitOptions how = logit_options(args, 3);
    args.require(a.rows.rows % how.vectors == 0, "logits.vectors", "must divide a's rows");
    std::size_t elements = 0;
    args.require(base::multiply(a.rows.rows / how.vectors, b.rows.rows, &elements), "out",
                 "would be too large");
    const auto out = args.typed<float>(2, "out", elements);
    return start(
        args, info.Env(), {a.data, b.data, out.value}, 5,
        {options_argument(args, 4), [a = a.rows, b = b.rows, how, out = out.data](const Options& options) {
           return similarity::logits(a, b, how, out, options);
         }});
  });
}

Napi::Value top_k(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "similarityTopK", 8);
    const BoundRows queries = rows_argument(args, 0, "queries");
    const BoundRows rows = rows_argument(args, 1, "rows");
    args.require(queries.rows.dim == rows.rows.dim, "rows", "must have the queries' dim");
    const std::size_t k = args.size(2, "k", 1);
    args.require(k <= rows.rows.rows, "k", "must not be more than there are rows");
    std::size_t elements = 0;
    args.require(base::multiply(queries.rows.rows, k, &elements), "k", "is too large");
    const auto indices = args.typed<std::int32_t>(3, "indices", elements);
    const auto scores = args.typed<float>(4, "scores", elements);
    const auto progress = args.typed<double>(5, "progress", 1);
    Options asked = options_argument(args, 6);
    asked.progress = progress.data.data();
    return start(args, info.Env(), {queries.data, rows.data, indices.value, scores.value, progress.value}, 7,
                 {std::move(asked),
                  [q = queries.rows, r = rows.rows, k, i = indices.data, s = scores.data](
                      const Options& options) { return similarity::top_k(q, r, k, i, s, options); }});
  });
}

Napi::Value top_k_file(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "similarityTopKFile", 8);
    const BoundRows queries = rows_argument(args, 0, "queries");
    const Napi::Object description = args.object(1, "file");
    const Fields fields(description, args.where("file"));
    constexpr std::size_t most = 0x7fffffff;
    similarity::RowFile file{fields.string("path"), fields.size("offset"),
                             type_of(description, args.where("file")), fields.size("rows", 1, most),
                             fields.size("dim", 1, most)};
    const std::size_t block_bytes = fields.size("blockBytes", 1, std::size_t{1} << 36);
    args.require(queries.rows.dim == file.dim, "file", "must have the queries' dim");
    const std::size_t k = args.size(2, "k", 1, file.rows);
    std::size_t elements = 0;
    args.require(base::multiply(queries.rows.rows, k, &elements), "k", "is too large");
    const auto indices = args.typed<std::int32_t>(3, "indices", elements);
    const auto scores = args.typed<float>(4, "scores", elements);
    const auto progress = args.typed<std::int32_t>(5, "progress", 1);
    return start(args, info.Env(), {queries.data, indices.value, scores.value, progress.value}, 7,
                 {options_argument(args, 6),
                  [q = queries.rows, file = std::move(file), k, block_bytes, i = indices.data,
                   s = scores.data, p = progress.data](const Options& options) {
                    return similarity::top_k_file(q, file, k, block_bytes, i, s, p.data(), options);
                  }});
  });
}

Napi::Value rank(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "similarityRank", 7);
    const BoundRows queries = rows_argument(args, 0, "queries");
    const BoundRows rows = rows_argument(args, 1, "rows");
    args.require(queries.rows.dim == rows.rows.dim, "rows", "must have the queries' dim");
    const auto candidates = args.typed<std::int32_t>(2, "candidates");
    const auto indices = args.typed<std::int32_t>(3, "indices", candidates.data.size());
    const auto scores = args.typed<float>(4, "scores", candidates.data.size());
    const std::size_t count = queries.rows.rows;
    args.require(count > 0 && candidates.data.size() % count == 0, "candidates",
                 "must be as many for every query");
    return start(args, info.Env(), {queries.data, rows.data, candidates.value, indices.value, scores.value},
                 6,
                 {options_argument(args, 5),
                  [q = queries.rows, r = rows.rows, per = candidates.data.size() / count, c = candidates.data,
                   i = indices.data, s = scores.data](const Options& options) {
                    return similarity::rank(q, r, per, c, i, s, options);
                  }});
  });
}

// name(rows, out, options, cancel): `size` tells how many elements of T the operation writes.
template <class T, class Size, class Work>
Napi::Value over_rows(const Napi::CallbackInfo& info, const char* name, Size size, Work work) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, name, 4);
    const BoundRows rows = rows_argument(args, 0, "rows");
    const auto out = args.typed<T>(1, "out", size(rows.rows));
    return start(args, info.Env(), {rows.data, out.value}, 3,
                 {options_argument(args, 2), [r = rows.rows, out = out.data, work](const Options& options) {
                    return work(r, out, options);
                  }});
  });
}

Napi::Value normalise_rows(const Napi::CallbackInfo& info) {
  return over_rows<float>(
      info, "normaliseRows", [](const Rows& rows) { return rows.rows * rows.dim; }, similarity::normalise);
}

Napi::Value row_norms(const Napi::CallbackInfo& info) {
  const auto norms = [](const Rows& rows, std::span<double> out, const Options& options) {
    return similarity::row_norms(rows, "rows", out, options);
  };
  return over_rows<double>(
      info, "rowNorms", [](const Rows& rows) { return rows.rows; }, norms);
}

Napi::Value mean_row(const Napi::CallbackInfo& info) {
  return over_rows<double>(
      info, "meanRow", [](const Rows& rows) { return rows.dim; }, similarity::mean);
}

}  // namespace

void export_similarity(Napi::Env, Napi::Object exports) {
  add_function(exports, "similarityDense", dense);
  add_function(exports, "similarityLogits", logits);
  add_function(exports, "similarityTopK", top_k);
  add_function(exports, "similarityTopKFile", top_k_file);
  add_function(exports, "similarityRank", rank);
  add_function(exports, "normaliseRows", normalise_rows);
  add_function(exports, "rowNorms", row_norms);
  add_function(exports, "meanRow", mean_row);
}

}  // namespace diptych::bind
