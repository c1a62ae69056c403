// Instructions that each kernel takes for a fixed piece of work:
//   diptych_kernel_counts                 one line per kernel variant that runs here: NAME COUNT
//   diptych_kernel_counts --list          the names alone
//   diptych_kernel_counts --compiler      what it was compiled with: counts are the compiler's too
//   diptych_kernel_counts --run NAME N    the work N times and nothing else, for perf stat or callgrind
// Instructions do not depend on what else the machine does, so a slower kernel shows on a busy one too.
// Counting is by single steps under ptrace, which any Linux has: it sees AVX-512 and AMX, which callgrind
// does not know, and needs no counter of the CPU, which virtual machines often hide.
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "kernels/linear/kernel.hpp"
#include "kernels/normalise/kernel.hpp"
#include "kernels/resize/kernel.hpp"
#include "kernels/similarity/kernel.hpp"

namespace {

using namespace diptych::kernels;
using diptych::base::AlignedBuffer;

struct Kernel {
  std::string name;
  std::function<void()> run;
};

// The reference is there to be right, not fast, and its many instructions would take a minute to step
// through.
template <class Variant>
bool counted(const Variant& variant) {
  return variant.family != Family::reference && detected().contains(variant.needs);
}

// The same numbers in every run: a count must not depend on data that changes.
template <class T>
T* filled(AlignedBuffer<T>& buffer, std::size_t size) {
  if (!buffer.reserve(size)) std::abort();
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 1664525u + 1013904223u;
    buffer.data()[i] = static_cast<T>((state >> 24) % 100);
  }
  return buffer.data();
}

// --- normalise: 16 rows of 224 pixels -------------------------------------------------------------------

struct NormaliseWork {
  static constexpr std::size_t pixels = 224 * 16;
  AlignedBuffer<std::uint8_t> source;
  AlignedBuffer<float> out;
  normalise::Table table;
  normalise::Work work;

  NormaliseWork() {
    normalise::make_table(1.0 / 255, {0.48, 0.46, 0.41}, {0.27, 0.26, 0.28}, normalise::Element::float32,
                          table);
    work.source = filled(source, pixels * 3 + 64);
    work.pixels = pixels;
    work.table = &table;
    float* planes = filled(out, pixels * 3);
    for (std::size_t c = 0; c < 3; ++c) work.planes[c] = planes + c * pixels;
  }
};

void add_normalise(std::vector<Kernel>& all) {
  static NormaliseWork work;
  for (const auto& variant : normalise::variants()) {
    if (!counted(variant)) continue;
    all.push_back({"normalise." + std::string(variant.name), [&variant] { variant.run(work.work); }});
  }
}

// --- resize: RGB, 32 outputs of 12 taps each, along 8 rows, down columns of 100 bytes, and both
// ----------------

struct ResizeWork {
  static constexpr std::size_t outputs = 32, count = 12, rows = 8, bytes = 100, stride = 1024;
  AlignedBuffer<std::int32_t> first, counts, coefficients;
  AlignedBuffer<std::uint8_t> source, target;
  resize::Taps taps;
  // For both passes at once: all source rows that the outputs read.
  static constexpr std::size_t source_rows = 2 * outputs + count;

  ResizeWork() {
    taps = {outputs, count, filled(first, outputs), filled(counts, outputs),
            filled(coefficients, outputs * count)};
    for (std::size_t i = 0; i < outputs; ++i) {
      first.data()[i] = static_cast<std::int32_t>(2 * i);
      counts.data()[i] = static_cast<std::int32_t>(count);
    }
    filled(source, stride * source_rows + resize::kReadOverrun);
    filled(target, stride * outputs + resize::kReadOverrun);
  }
};

// What a variant packs for both passes.
struct BothWork {
  AlignedBuffer<std::byte> rows, columns, between;

  BothWork(const resize::Both& both, const resize::Taps& taps) {
    if (!rows.reserve(both.packed_rows_size(taps)) || !columns.reserve(both.packed_columns_size(taps)) ||
        !between.reserve(both.between_size(taps.outputs, ResizeWork::source_rows)))
      std::abort();
    both.pack_rows(taps, rows.data());
    both.pack_columns(taps, columns.data());
  }
};

void add_both(std::vector<Kernel>& all, const resize::Variant& variant, ResizeWork& work) {
  if (variant.both == nullptr) return;
  const auto own = std::make_shared<BothWork>(*variant.both, work.taps);
  all.push_back({"resize.both." + std::string(variant.name), [&variant, &work, own] {
                   variant.both->run({work.source.data(), ResizeWork::stride, ResizeWork::source_rows,
                                      nullptr, ResizeWork::source_rows, work.target.data(),
                                      ResizeWork::stride, work.taps, work.taps, own->rows.data(),
                                      own->columns.data(), own->between.data()});
                 }});
}

void add_resize(std::vector<Kernel>& all) {
  static ResizeWork work;
  for (const auto& variant : resize::variants()) {
    if (!counted(variant)) continue;
    static std::vector<std::unique_ptr<AlignedBuffer<std::byte>>> packed;
    packed.push_back(std::make_unique<AlignedBuffer<std::byte>>());
    const std::size_t size = variant.packed_size(work.taps, 3);
    if (!packed.back()->reserve(size + 1)) std::abort();
    std::byte* own = size == 0 ? nullptr : packed.back()->data();
    if (own != nullptr) variant.pack_horizontal(work.taps, 3, own);
    all.push_back({"resize.horizontal." + std::string(variant.name), [&variant, own] {
                     variant.horizontal({work.source.data(), ResizeWork::stride, work.target.data(),
                                         ResizeWork::stride, ResizeWork::rows, 3, work.taps, own});
                   }});
    all.push_back({"resize.vertical." + std::string(variant.name), [&variant] {
                     variant.vertical({work.source.data(), ResizeWork::stride, work.target.data(),
                                       ResizeWork::stride, ResizeWork::bytes, work.taps});
                   }});
    add_both(all, variant, work);
  }
}

// --- similarity: 48 rows of 64 words against one group of queries, dense and with thresholds that none
// reaches

struct TileWork {
  static constexpr std::size_t rows = 48;
  // 64 floats; as digits they are fewer.
  static constexpr std::size_t words = 64;
  static constexpr std::size_t words_as_digits = similarity::words_of_digits(words);
  static constexpr std::size_t queries = similarity::most_panels * similarity::panel_width;
  AlignedBuffer<float> row_data, panels, scale, offset, query_scale, out, thresholds;
  AlignedBuffer<std::int32_t> sums;
  AlignedBuffer<similarity::Hit> hits;
  similarity::Block block{};

  TileWork() {
    block.rows = reinterpret_cast<const std::byte*>(filled(row_data, rows * words));
    block.stride = words * 4;
    block.count = rows;
    block.panels = reinterpret_cast<const std::byte*>(filled(panels, queries * words));
    block.words = words;
    block.row_scale = filled(scale, rows);
    block.row_offset = filled(offset, rows);
    block.row_sum = filled(sums, rows);
    block.query_scale = filled(query_scale, queries);
    filled(out, rows * queries);
    if (!thresholds.reserve(queries) || !hits.reserve(similarity::max_tile_hits)) std::abort();
    std::fill_n(thresholds.data(), queries, std::numeric_limits<float>::infinity());
  }
};

template <class Variant>
void add_similarity(std::vector<Kernel>& all, const char* layout, std::span<const Variant> variants,
                    std::size_t words = TileWork::words) {
  static TileWork work;
  for (const auto& variant : variants) {
    if (!counted(variant)) continue;
    similarity::Block block = work.block;
    block.panel_count = variant.group;
    block.words = words;
    block.stride = words * 4;
    const std::string name = std::string(layout) + "." + std::string(variant.name);
    all.push_back({"similarity." + name, [&variant, block] {
                     const std::size_t columns = variant.group * similarity::panel_width;
                     variant.dense(block, {work.out.data(), TileWork::queries, columns, -1e30f, 1e30f});
                   }});
    all.push_back(
        {"similarity.filter." + name, [&variant, block] {
           similarity::Filter filter{work.thresholds.data(), work.hits.data(), similarity::max_tile_hits, 0};
           variant.filter(block, 0, filter);
         }});
  }
}

// --- similarity: rows of 512 values, one by one ---------------------------------------------------------

struct RowWork {
  static constexpr std::size_t dim = 512, rows = 8, queries = similarity::most_few_queries;
  AlignedBuffer<float> data, query_data, dots, squares;
  AlignedBuffer<std::int8_t> codes;
  AlignedBuffer<std::uint16_t> halves;
  similarity::CodeStats stats[rows] = {};

  RowWork() {
    filled(data, rows * dim);
    filled(query_data, queries * dim);
    filled(dots, rows * queries);
    filled(squares, rows);
    filled(codes, rows * dim);
    filled(halves, dim);
  }
};

void add_rows(std::vector<Kernel>& all) {
  static RowWork work;
  constexpr std::size_t dim = RowWork::dim;
  for (const auto& variant : similarity::row_variants()) {
    if (!counted(variant)) continue;
    const float* row = work.data.data();
    const float* query = work.query_data.data();
    const auto add = [&](const char* what, auto run) {
      all.push_back({std::string("similarity.") + what + "." + std::string(variant.name), run});
    };
    for (const std::size_t count : {std::size_t{1}, RowWork::queries}) {
      add(count == 1 ? "one" : "few", [&variant, row, query, count] {
        variant.few({row, dim, RowWork::rows, dim, query, count, work.dots.data(), work.squares.data()});
      });
    }
    add("squares", [&variant, row] { variant.squares(row, dim, RowWork::rows, dim, work.squares.data()); });
    add("dot_exact", [&variant, row, query] {
      work.dots.data()[0] = static_cast<float>(variant.dot_exact(row, query, dim).high);
    });
    add("dot_fast", [&variant, row, query] { work.dots.data()[0] = variant.dot_fast(row, query, dim); });
    for (const float* const centre : {static_cast<const float*>(nullptr), query}) {
      add(centre == nullptr ? "quantise" : "quantise_centred", [&variant, row, centre] {
        variant.quantise({row, dim, RowWork::rows, dim, centre, true, work.codes.data(), dim, work.stats,
                          work.squares.data()});
      });
    }
    add("halve", [&variant, row] {
      variant.halve({row,
                     dim,
                     1,
                     dim,
                     work.halves.data(),
                     dim,
                     work.squares.data(),
                     {reinterpret_cast<const std::byte*>(row + dim), dim * sizeof(float)}});
    });
  }
}

// --- linear: a tile of depth 64, dot products, exp over 512 values ---------------------------------------

struct LinearWork {
  static constexpr std::size_t depth = 64, count = 512, rows = 4;
  AlignedBuffer<float> a, panel, out;

  LinearWork() {
    filled(a, linear::kMostTile * depth);
    filled(panel, linear::kMostTile * depth);
    filled(out, linear::kMostTile + count);
  }
};

void add_linear(std::vector<Kernel>& all) {
  static LinearWork work;
  constexpr std::size_t depth = LinearWork::depth, count = LinearWork::count, rows = LinearWork::rows;
  for (const auto& variant : linear::variants()) {
    if (!counted(variant)) continue;
    const auto add = [&](const char* what, auto run) {
      all.push_back({std::string("linear.") + what + "." + std::string(variant.name), run});
    };
    add("tile", [&variant] {
      variant.tile(variant.tile_rows, depth, work.a.data(), depth, 1, work.panel.data(), variant.width,
                   work.out.data());
    });
    add("dots",
        [&variant] { variant.dots(rows, rows, depth, work.a.data(), work.panel.data(), work.out.data()); });
    add("exp_row", [&variant] {
      work.a.data()[0] =
          static_cast<float>(variant.exp_row(work.panel.data(), count, 0.5f, -50.0f, work.out.data()));
    });
  }
}

std::vector<Kernel> kernels_here() {
  std::vector<Kernel> all;
  add_normalise(all);
  add_resize(all);
  add_similarity(all, "fp32", similarity::fp32_variants());
  add_similarity(all, "int8", similarity::int8_variants());
  add_similarity(all, "bf16", similarity::bf16_variants());
  add_similarity(all, "digits", similarity::digits_variants(), TileWork::words_as_digits);
  add_rows(all);
  add_linear(all);
  return all;
}

// Steps a child through one run between two stops that it makes itself. -1 where ptrace is not allowed.
long long count_instructions(const Kernel& kernel) {
  kernel.run();  // pages, lazy binding and AMX's first use are not the kernel's
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
    kernel.run();  // the copied pages
    std::raise(SIGSTOP);
    kernel.run();
    std::raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return -1;
  // Or a child whose parent is killed would stay stopped for ever.
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_EXITKILL);
  long long steps = 0;
  for (;;) {
    if (ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) return -1;
    if (waitpid(child, &status, 0) != child || WIFEXITED(status)) return -1;
    if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP) break;
    ++steps;
  }
  ptrace(PTRACE_KILL, child, nullptr, nullptr);
  waitpid(child, &status, 0);
  return steps;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Kernel> all = kernels_here();
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "--list") {
    for (const Kernel& kernel : all) std::printf("%s\n", kernel.name.c_str());
    return 0;
  }
  if (what == "--compiler") {
#if defined(__clang__)
    std::printf("clang %d\n", __clang_major__);
#else
    std::printf("gcc %d\n", __GNUC__);
#endif
    return 0;
  }
  if (what == "--run" && argc == 4) {
    for (const Kernel& kernel : all) {
      if (kernel.name != argv[2]) continue;
      for (long times = std::atol(argv[3]); times > 0; --times) kernel.run();
      return 0;
    }
    std::fprintf(stderr, "no such kernel here: %s\n", argv[2]);
    return 2;
  }
  for (const Kernel& kernel : all) {
    const long long count = count_instructions(kernel);
    if (count < 0) {
      std::fprintf(stderr, "ptrace is not allowed here\n");
      return 3;
    }
    std::printf("%s %lld\n", kernel.name.c_str(), count);
    std::fflush(stdout);
  }
  return 0;
}
