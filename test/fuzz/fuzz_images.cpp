// diptych_fuzz FILES SECONDS SEED FOLDER...: runs mutated files of the folders through the image path, until
// FILES are done or SECONDS are over. Built with sanitizers by `npm run fuzz`. A file that takes more than 5
// seconds, or that a sanitizer objects to, is written to fuzz-failure-SEED-NUMBER, and the exit code is 1.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#include <sanitizer/common_interface_defs.h>
#define DIPTYCH_SANITIZED 1
#endif

#include "image/preprocess.hpp"
#include "mutate.hpp"

namespace {

using namespace diptych;
using Clock = std::chrono::steady_clock;

fuzz::File current;
std::string current_name;

void keep_current() {
  std::ofstream(current_name, std::ios::binary)
      .write(reinterpret_cast<const char*>(current.data()), static_cast<std::streamsize>(current.size()));
  std::printf("the file that did it: %s\n", current_name.c_str());
}

std::vector<fuzz::File> read_folder(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() != ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<fuzz::File> files;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return files;
}

image::Spec random_spec(test::Random& random) {
  image::Spec spec;
  spec.height = spec.resize_height = random.between(1, 70);
  spec.width = spec.resize_width = random.next() % 2 == 0 ? spec.height : random.between(1, 70);
  spec.resize_mode = static_cast<image::ResizeMode>(random.next() % 3);
  spec.filter = static_cast<image::Filter>(random.next() % 6);
  spec.crop_rounding = static_cast<image::CropRounding>(random.next() % 2);
  spec.rgb_after = random.next() % 2 == 0;
  spec.orient = random.next() % 2 == 0;
  return spec;
}

std::string_view run_one(const fuzz::File& file, test::Random& random, std::vector<std::uint8_t>& out) {
  const image::Spec spec = random_spec(random);
  image::Options options;
  options.max_pixels = 1u << 22;
  options.fast = random.next() % 4 == 0;
  options.allow_truncated = random.next() % 4 == 0;
  out.resize(3 * spec.height * spec.width);
  image::Report report;
  image::preprocess(file, spec, options, {image::Output::uint8_nhwc, out.data(), nullptr}, report);
  return base::name_of(report.status.code);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: diptych_fuzz FILES SECONDS SEED FOLDER...\n");
    return 2;
  }
  const std::uint64_t most = std::strtoull(argv[1], nullptr, 10);
  const std::chrono::seconds limit(std::strtoll(argv[2], nullptr, 10));
  const std::uint64_t seed = std::strtoull(argv[3], nullptr, 10);
  std::vector<fuzz::File> corpus;
  for (int i = 4; i < argc; ++i) {
    for (auto& file : read_folder(argv[i])) corpus.push_back(std::move(file));
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no files in the folders\n");
    return 2;
  }
  if (const char* const turbojpeg = std::getenv("DIPTYCH_TURBOJPEG")) image::set_turbojpeg_paths({turbojpeg});
#if defined(DIPTYCH_SANITIZED)
  __sanitizer_set_death_callback(keep_current);
#endif
  std::printf("%zu files to begin with, JPEG by %s\n", corpus.size(), image::decoder_info().jpeg.c_str());
  std::map<std::string_view, std::uint64_t> outcomes;
  std::vector<std::uint8_t> out;
  double slowest = 0;
  std::uint64_t done = 0;
  const auto began = Clock::now();
  for (; done < most && Clock::now() - began < limit; ++done) {
    test::Random random(seed * 1000000007u + done);
    const fuzz::File& file = corpus[random.next() % corpus.size()];
    current = fuzz::mutate(file, corpus[random.next() % corpus.size()], random);
    current_name = "fuzz-failure-" + std::to_string(seed) + "-" + std::to_string(done);
    // Processor time: on a shared machine the program may be kept waiting.
    const std::clock_t start = std::clock();
    ++outcomes[run_one(current, random, out)];
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    slowest = std::max(slowest, seconds);
    if (seconds > 5) {
      std::printf("took %.1f seconds\n", seconds);
      keep_current();
      return 1;
    }
  }
  std::printf("%llu mutated files, slowest %.3f s\n", static_cast<unsigned long long>(done), slowest);
  for (const auto& [name, count] : outcomes) {
    std::printf("  %-18.*s %llu\n", static_cast<int>(name.size()), name.data(),
                static_cast<unsigned long long>(count));
  }
  return 0;
}
