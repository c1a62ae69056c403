// measureLimit(kind, threads, milliseconds, memory): what the machine can do at best, for the benchmarks. It
// blocks the calling thread meanwhile, on purpose: nothing else may run beside it.
#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "bind/args.hpp"
#include "bind/exports.hpp"
#include "bind/throw.hpp"
#include "image/decode.hpp"
#include "kernels/limits/limits.hpp"

namespace diptych::bind {
namespace {

namespace limits = kernels::limits;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Calls `work(thread)` on each of `count` threads over and over until `seconds` have passed, and gives the
// sum of what it returned, per second. The threads start together; the clock runs until the last has ended.
template <class Work>
double rate(std::size_t count, double seconds, Work work) {
  std::vector<double> done(count, 0.0);
  std::latch ready(static_cast<std::ptrdiff_t>(count) + 1);
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < count; ++thread) {
    threads.emplace_back([&, thread] {
      ready.arrive_and_wait();
      const auto start = Clock::now();
      do {
        done[thread] += work(thread);
      } while (seconds_since(start) < seconds);
    });
  }
  ready.arrive_and_wait();
  const auto start = Clock::now();
  threads.clear();  // joins
  const double passed = seconds_since(start);
  double sum = 0;
  for (const double one : done) sum += one;
  return sum / passed;
}

// Empty for a kind that there is not.
std::span<const limits::Compute> compute_variants(std::string_view kind) {
  if (kind == "fp32") return limits::fp32_variants();
  if (kind == "fp32-from-cache") return limits::fp32_from_cache_variants();
  if (kind == "int8") return limits::int8_variants();
  if (kind == "bf16") return limits::bf16_variants();
  return {};
}

double compute_rate(const limits::Compute& kernel, std::size_t threads, double seconds) {
  std::vector<double> sinks(threads, 0.0);
  return rate(threads, seconds, [&](std::size_t thread) {
    double sink = 0;
    const double operations = kernel.run(20'000, sink);
    sinks[thread] += sink;
    return operations;
  });
}

// Each thread reads its own share of the memory in as many streams at once, by turns.
double read_rate(const limits::Read& kernel, std::span<const std::byte> memory, std::size_t threads,
                 double seconds, std::size_t streams) {
  constexpr std::size_t grain = 4096;
  const std::size_t length = memory.size() / (threads * streams) / grain * grain;
  // Looked at between pieces, so that a small time is kept to; a piece is far larger than the caches' lines.
  constexpr std::size_t piece = std::size_t{16} << 20;
  std::vector<double> sinks(threads, 0.0);
  std::vector<std::size_t> at(threads, 0);
  return rate(threads, seconds, [&](std::size_t thread) {
    const std::size_t left = std::min(piece / streams, length - at[thread]);
    const std::byte* const from = memory.data() + thread * streams * length + at[thread];
    const std::size_t turn = streams == 1 ? left : grain;
    double sink = 0;
    for (std::size_t done = 0; done < left; done += turn) {
      for (std::size_t stream = 0; stream < streams; ++stream) {
        kernel.run(from + stream * length + done, turn, sink);
      }
    }
    sinks[thread] += sink;
    at[thread] = at[thread] + left >= length ? 0 : at[thread] + left;
    return static_cast<double>(left * streams);
  });
}

// Which of these is the fastest depends on how the CPU fetches ahead by itself.
double best_read_rate(const limits::Read& kernel, std::span<const std::byte> memory, std::size_t threads,
                      double seconds) {
  return std::max(read_rate(kernel, memory, threads, seconds / 2, 1),
                  read_rate(kernel, memory, threads, seconds / 2, 2));
}

Napi::Value measure_limit(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Args args(info, "measureLimit", 4);
    require_kernels(info.Env());
    const std::string kind = args.string(0, "kind");
    const std::size_t threads = args.size(1, "threads", 1, 1024);
    const double seconds = static_cast<double>(args.size(2, "milliseconds", 1, 60'000)) / 1000.0;
    std::string_view kernel;
    double per_second = 0;
    if (kind == "read") {
      const auto slice = args.typed<std::uint8_t>(3, "memory");
      // Start at a 64-byte boundary, as the kernels ask for.
      const auto address = reinterpret_cast<std::uintptr_t>(slice.data.data());
      const std::size_t skip = (64 - address % 64) % 64;
      args.require(slice.data.size() >= threads * 8192 + skip, "memory", "must hold 8192 bytes a thread");
      const auto& variant = kernels::active_variant(limits::read_variants());
      kernel = variant.name;
      per_second = best_read_rate(variant, std::as_bytes(slice.data.subspan(skip)), threads, seconds);
    } else {
      const auto variants = compute_variants(kind);
      args.require(!variants.empty(), "kind", "must be fp32, fp32-from-cache, int8, bf16 or read");
      const auto& variant = kernels::active_variant(variants);
      kernel = variant.name;
      per_second = compute_rate(variant, threads, seconds);
    }
    const Napi::Object result = Napi::Object::New(info.Env());
    result.Set("perSecond", Napi::Number::New(info.Env(), per_second));
    result.Set("kernel", Napi::String::New(info.Env(), kernel.data(), kernel.size()));
    return result;
  });
}

// decodeOnly(files): the image path's own decoder and nothing after it, every row and column, into this
// thread's reused memory; the number of pixels. What the whole path is held against.
Napi::Value decode_only(const Napi::CallbackInfo& info) {
  return guarded(info, [&]() -> Napi::Value {
    const Args args(info, "decodeOnly", 1);
    require_kernels(info.Env());
    const Napi::Array files = args.array(0, "files");
    double pixels = 0;
    for (std::uint32_t i = 0; i < files.Length(); ++i) {
      const auto bytes = typed_array_bytes(args.where("files"), files.Get(i), napi_uint8_array);
      const image::Bytes file(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      image::Header header;
      throw_if_failed(info.Env(), image::read_header(file, {}, header));
      image::Picture picture;
      throw_if_failed(info.Env(), image::decode(file, {}, {{0, 0, header.width, header.height}, 1}, header,
                                                image::Scratch::of_this_thread(), picture));
      pixels += static_cast<double>(picture.width * picture.height);
    }
    return Napi::Number::New(info.Env(), pixels);
  });
}

}  // namespace

void export_limits(Napi::Env env, Napi::Object exports) {
  exports.Set("decodeOnly", Napi::Function::New(env, decode_only, "decodeOnly"));
  exports.Set("measureLimit", Napi::Function::New(env, measure_limit, "measureLimit"));
}

}  // namespace diptych::bind
