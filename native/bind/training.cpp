// exports: matmul, logisticLoss, contrastiveLoss, contrastiveSteps, nearestCentroids, bf16IsFast, sumByLabel
// (src/native/training-binding.ts).
#include <algorithm>
#include <atomic>
#include <functional>
#include <utility>

#include "base/thread_pool.hpp"
#include "bind/args.hpp"
#include "bind/async_task.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"
#include "similarity/active.hpp"
#include "training/clusters.hpp"
#include "training/contrastive.hpp"
#include "training/gemm.hpp"
#include "training/logistic.hpp"

namespace diptych::bind {
namespace {

using base::Status;

constexpr std::size_t kMostSide = std::size_t{1} << 31;

// A task that is one call: `work(cancelled, step)` on a pool thread (it takes more of them by itself), then
// `answer`. `step` tells of progress.
class CallTask final : public AsyncTask {
 public:
  using Cancelled = std::function<bool()>;
  using Step = std::function<void()>;
  using Work = std::function<Status(const Cancelled&, const Step&)>;
  using Answer = std::function<Napi::Value(Napi::Env)>;
  CallTask(Work work, Answer answer) : work_(std::move(work)), answer_(std::move(answer)) {}

 private:
  Status item(std::size_t) override {
    return work_([this] { return cancelled(); }, [this] { advance(); });
  }
  Napi::Value result(Napi::Env env) override { return answer_(env); }
  Work work_;
  Answer answer_;
};

Napi::Value undefined(Napi::Env env) { return env.Undefined(); }

std::size_t product(const Args& args, std::string_view name, std::size_t a, std::size_t b) {
  std::size_t count = 0;
  args.require(base::multiply(a, b, &count), name, "is too large");
  return count;
}

void check_labels(const Args& args, std::span<const std::int32_t> labels, std::size_t classes) {
  for (const std::int32_t label : labels) {
    args.require(label >= 0 && static_cast<std::size_t>(label) < classes, "labels",
                 "must lie in [0, " + std::to_string(classes) + "), got " + std::to_string(label));
  }
}

// matmul(a, aTransposed, b, bTransposed, rows, columns, depth, out, threads)
Napi::Value matmul(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "matmul", 9);
    const auto rows = args.size(4, "rows", 0, kMostSide);
    const auto columns = args.size(5, "columns", 0, kMostSide);
    const auto depth = args.size(6, "depth", 0, kMostSide);
    const auto a = args.typed<float>(0, "a", product(args, "a", rows, depth));
    const bool a_transposed = args.boolean(1, "aTransposed");
    const auto b = args.typed<float>(2, "b", product(args, "b", depth, columns));
    const bool b_transposed = args.boolean(3, "bTransposed");
    const auto out = args.typed<float>(7, "out", product(args, "out", rows, columns));
    const auto threads = args.size(8, "threads", 1, base::ThreadPool::kMaxThreads);
    auto task = std::make_unique<CallTask>(
        [=](const CallTask::Cancelled&, const CallTask::Step&) -> Status {
          const auto& kernel = kernels::linear::active();
          const training::Strided left = a_transposed ? training::Strided{a.data.data(), 1, rows}
                                                      : training::Strided{a.data.data(), depth, 1};
          const training::Strided right = b_transposed ? training::Strided{b.data.data(), 1, depth}
                                                       : training::Strided{b.data.data(), columns, 1};
          training::Panels panels;
          if (!panels.pack(kernel, right, depth, columns)) return {base::Code::out_of_memory, {}};
          constexpr std::size_t kRows = 48;
          base::ThreadPool::shared().for_each((rows + kRows - 1) / kRows, threads, [&](std::size_t block) {
            const std::size_t first = block * kRows;
            training::multiply(kernel, {left.data + first * left.row, left.row, left.column},
                               std::min(kRows, rows - first), panels, 0, columns,
                               out.data.data() + first * columns, columns, false);
          });
          return Status::good();
        },
        undefined);
    for (const auto& value : {a.value, b.value, out.value}) task->pin(value);
    return AsyncTask::start(info.Env(), std::move(task), 1, 1);
  });
}

// logisticLoss(rows, dim, labels, classes, weights, gradient, threads, cancel) -> loss
Napi::Value logistic_loss(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "logisticLoss", 8);
    const auto labels = args.typed<std::int32_t>(2, "labels");
    const auto dim = args.size(1, "dim", 1, kMostSide);
    const auto rows = args.typed<float>(0, "rows", product(args, "rows", labels.data.size(), dim));
    const auto classes = args.size(3, "classes", 2, kMostSide);
    const auto length = product(args, "weights", classes, dim + 1);
    const auto weights = args.typed<double>(4, "weights", length);
    const auto gradient = args.typed<double>(5, "gradient", length);
    const auto threads = args.size(6, "threads", 1, base::ThreadPool::kMaxThreads);
    check_labels(args, labels.data, classes);
    const auto loss = std::make_shared<double>(0.0);
    auto task = std::make_unique<CallTask>(
        [=](const CallTask::Cancelled& cancelled, const CallTask::Step&) {
          return training::logistic_loss({rows.data, labels.data, dim, classes}, weights.data, gradient.data,
                                         threads, cancelled, loss.get());
        },
        [loss](Napi::Env env) { return Napi::Number::New(env, *loss); });
    for (const auto& value : {rows.value, labels.value, weights.value, gradient.value}) task->pin(value);
    task->cancel_by(args.value(7));
    return AsyncTask::start(info.Env(), std::move(task), 1, 1);
  });
}

// contrastiveLoss(kind, images, texts, count, dim, scale, bias, imageGradient, textGradient, threads, cancel)
Napi::Value contrastive_loss(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "contrastiveLoss", 11);
    const auto name = args.string(0, "kind");
    args.require(name == "softmax" || name == "sigmoid", "kind", "must be softmax or sigmoid");
    const auto kind = name == "softmax" ? training::Contrast::softmax : training::Contrast::sigmoid;
    const auto count = args.size(3, "count", 1, kMostSide);
    const auto dim = args.size(4, "dim", 1, kMostSide);
    const auto length = product(args, "images", count, dim);
    const auto images = args.typed<float>(1, "images", length);
    const auto texts = args.typed<float>(2, "texts", length);
    const double scale = args.number(5, "scale");
    const double bias = args.number(6, "bias");
    std::vector<Napi::Value> pinned{images.value, texts.value};
    const auto optional = [&](std::size_t index, std::string_view what) -> std::span<float> {
      if (args.is_nullish(index)) return {};
      const auto slice = args.typed<float>(index, what, length);
      pinned.push_back(slice.value);
      return slice.data;
    };
    const auto image_gradient = optional(7, "imageGradient");
    const auto text_gradient = optional(8, "textGradient");
    const auto threads = args.size(9, "threads", 1, base::ThreadPool::kMaxThreads);
    const auto outcome = std::make_shared<training::ContrastiveResult>();
    auto task = std::make_unique<CallTask>(
        [=](const CallTask::Cancelled& cancelled, const CallTask::Step& step) {
          return training::contrastive_loss(kind, {images.data, texts.data, count, dim}, scale, bias,
                                            image_gradient, text_gradient, threads, cancelled, step,
                                            outcome.get());
        },
        [outcome](Napi::Env env) {
          const auto object = Napi::Object::New(env);
          object.Set("loss", outcome->loss);
          object.Set("imageLoss", outcome->image_loss);
          object.Set("textLoss", outcome->text_loss);
          object.Set("scaleGradient", outcome->scale_gradient);
          object.Set("biasGradient", outcome->bias_gradient);
          return object;
        });
    for (const auto& value : pinned) task->pin(value);
    task->cancel_by(args.value(10));
    return AsyncTask::start(info.Env(), std::move(task), 1, 1);
  });
}

// contrastiveSteps(kind, count, gradients) -> steps that contrastiveLoss counts in cancel[1]
Napi::Value contrastive_steps(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const Args args(info, "contrastiveSteps", 3);
    const auto kind =
        args.string(0, "kind") == "softmax" ? training::Contrast::softmax : training::Contrast::sigmoid;
    const auto steps =
        training::contrastive_steps(kind, args.size(1, "count", 1, kMostSide), args.boolean(2, "gradients"));
    return Napi::Number::New(info.Env(), static_cast<double>(steps));
  });
}

// nearestCentroids(rows, dim, centroids, labels, distances, precision, threads, cancel)
Napi::Value nearest_centroids(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    const Args args(info, "nearestCentroids", 8);
    const auto dim = args.size(1, "dim", 1, kMostSide);
    const auto labels = args.typed<std::int32_t>(3, "labels");
    const auto count = labels.data.size();
    const auto rows = args.typed<float>(0, "rows", product(args, "rows", count, dim));
    const auto centroids = args.typed<float>(2, "centroids");
    args.require(!centroids.data.empty() && centroids.data.size() % dim == 0, "centroids",
                 "must be a whole, positive number of rows");
    const auto distances = args.typed<float>(4, "distances", count);
    const auto precision = args.string(5, "precision");
    args.require(precision == "exact" || precision == "bf16", "precision", "must be exact or bf16");
    const auto nearest = precision == "bf16" ? training::nearest_centroids_bf16 : training::nearest_centroids;
    const auto threads = args.size(6, "threads", 1, base::ThreadPool::kMaxThreads);
    auto task = std::make_unique<CallTask>(
        [=](const CallTask::Cancelled& cancelled, const CallTask::Step&) {
          return nearest(rows.data, dim, centroids.data, labels.data, distances.data, threads, cancelled);
        },
        undefined);
    for (const auto& value : {rows.value, centroids.value, labels.value, distances.value}) task->pin(value);
    task->cancel_by(args.value(7));
    return AsyncTask::start(info.Env(), std::move(task), 1, 1);
  });
}

// bf16IsFast() -> whether bf16 products are much faster here than float32's
Napi::Value bf16_is_fast(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    require_kernels(info.Env());
    return Napi::Boolean::New(info.Env(), similarity::bf16_is_fast());
  });
}

// sumByLabel(rows, dim, labels, sums, threads, cancel)
Napi::Value sum_by_label(const Napi::CallbackInfo& info) {
  return guarded(info, [&] {
    const Args args(info, "sumByLabel", 6);
    const auto dim = args.size(1, "dim", 1, kMostSide);
    const auto labels = args.typed<std::int32_t>(2, "labels");
    const auto rows = args.typed<float>(0, "rows", product(args, "rows", labels.data.size(), dim));
    const auto sums = args.typed<double>(3, "sums");
    args.require(sums.data.size() % dim == 0, "sums", "must be a whole number of rows");
    const auto threads = args.size(4, "threads", 1, base::ThreadPool::kMaxThreads);
    check_labels(args, labels.data, sums.data.size() / dim);
    auto task = std::make_unique<CallTask>(
        [=](const CallTask::Cancelled& cancelled, const CallTask::Step&) {
          return training::sum_by_label(rows.data, dim, labels.data, sums.data, threads, cancelled);
        },
        undefined);
    for (const auto& value : {rows.value, labels.value, sums.value}) task->pin(value);
    task->cancel_by(args.value(5));
    return AsyncTask::start(info.Env(), std::move(task), 1, 1);
  });
}

}  // namespace

void export_training(Napi::Env env, Napi::Object exports) {
  exports.Set("matmul", Napi::Function::New(env, matmul, "matmul"));
  exports.Set("logisticLoss", Napi::Function::New(env, logistic_loss, "logisticLoss"));
  exports.Set("contrastiveLoss", Napi::Function::New(env, contrastive_loss, "contrastiveLoss"));
  exports.Set("contrastiveSteps", Napi::Function::New(env, contrastive_steps, "contrastiveSteps"));
  exports.Set("nearestCentroids", Napi::Function::New(env, nearest_centroids, "nearestCentroids"));
  exports.Set("bf16IsFast", Napi::Function::New(env, bf16_is_fast, "bf16IsFast"));
  exports.Set("sumByLabel", Napi::Function::New(env, sum_by_label, "sumByLabel"));
}

}  // namespace diptych::bind
