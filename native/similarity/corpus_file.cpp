// A saved corpus: one file that is mapped as it is. Little-endian, like every CPU this runs on.
//
//   header (128 bytes) | centre | lengths | row codes | codes | rows        each part starts at a multiple of
//   64
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "similarity/corpus.hpp"
#include "similarity/mapped_file.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

namespace {

constexpr std::array<char, 8> magic{'D', 'I', 'P', 'T', 'Y', 'C', 'H', 'C'};
constexpr std::uint32_t version = 1;

struct Header {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t metric = 0;
  std::uint32_t type = 0;
  std::uint32_t coded = 0;
  std::uint64_t rows = 0;
  std::uint64_t dim = 0;
  std::uint64_t size = 0;    // of the whole file
  CodeLengths lengths = {};  // zeros in files of versions that did not know them
  std::uint64_t reserved[8] = {};
  std::uint64_t check = 0;  // of everything before it
};
static_assert(sizeof(Header) == 128);
static_assert(sizeof(RowCode) == 24);

// FNV-1a: a file that something else wrote, or half of one, must not be searched.
std::uint64_t check_of(const Header& header) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  for (std::size_t i = 0; i < offsetof(Header, check); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

// Where the parts of a file are. All sizes come from rows and dim, which are below 2^31 and checked.
struct Layout {
  std::size_t centre, norms, row_codes, codes, rows, size;

  explicit Layout(const Header& header) noexcept {
    auto next = [at = sizeof(Header)](std::size_t bytes) mutable {
      const std::size_t start = at;
      at = (at + bytes + 63) / 64 * 64;
      return start;
    };
    const std::size_t n = header.rows;
    const std::size_t coded = header.coded != 0 ? n : 0;
    centre = next(header.dim * sizeof(float));
    norms = next(n * sizeof(double));
    row_codes = next(coded * sizeof(RowCode));
    codes = next(coded * code_stride(header.dim) + base::kSlack);
    rows = next(n * header.dim * element_size(static_cast<DType>(header.type)));
    size = next(0);
  }
};

std::string system_error(const std::string& path, const char* what) {
  return path + ": cannot " + what + ": " + std::strerror(errno);
}

// Owns a descriptor.
class File {
 public:
  File(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int get() const noexcept { return descriptor_; }

  [[nodiscard]] bool write_at(std::size_t offset, const void* from, std::size_t bytes) const noexcept {
    const auto* data = static_cast<const char*>(from);
    while (bytes > 0) {
      const ssize_t wrote = ::pwrite(descriptor_, data, bytes, static_cast<off_t>(offset));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return false;
      data += wrote;
      offset += static_cast<std::size_t>(wrote);
      bytes -= static_cast<std::size_t>(wrote);
    }
    return true;
  }

 private:
  int descriptor_;
};

}  // namespace

Status Corpus::save(const std::string& path, std::span<const Rows> data, const Options& options) const {
  const std::vector<Segment> all = segments(data);
  Header header{.magic = magic,
                .version = version,
                .metric = static_cast<std::uint32_t>(metric_),
                .type = static_cast<std::uint32_t>(type_),
                .coded = 1,
                .rows = rows_,
                .dim = dim_};
  double sum = 0;
  for (const Segment& segment : all) {
    if (!segment.prepared() && segment.rows.rows > 0) header.coded = 0;
    header.lengths.longest = std::max(header.lengths.longest, segment.codes.lengths.longest);
    sum += static_cast<double>(segment.codes.lengths.average) * static_cast<double>(segment.rows.rows);
  }
  if (rows_ > 0) header.lengths.average = static_cast<float>(sum / static_cast<double>(rows_));
  const Layout layout(header);
  header.size = layout.size;
  header.check = check_of(header);

  const std::string temporary = path + ".part";
  const File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (file.get() < 0) return Status::fail(Code::output_failed, system_error(temporary, "create the file"));
  const auto give_up = [&](const Status& why) {
    ::unlink(temporary.c_str());
    return why;
  };
  bool good = ::ftruncate(file.get(), static_cast<off_t>(layout.size)) == 0;
  good = good && file.write_at(0, &header, sizeof header);
  good = good && file.write_at(layout.centre, centre_->data(), centre_->size() * sizeof(float));
  const std::size_t stride = code_stride(dim_);
  for (const Segment& segment : all) {
    if (!good) break;
    const std::size_t n = segment.rows.rows;
    good = file.write_at(layout.norms + segment.first * sizeof(double), segment.norms.data(),
                         n * sizeof(double));
    if (header.coded != 0 && n > 0) {
      good = good && file.write_at(layout.row_codes + segment.first * sizeof(RowCode),
                                   segment.codes.rows.data(), n * sizeof(RowCode));
      good = good && file.write_at(layout.codes + segment.first * stride, segment.codes.codes, n * stride);
    }
    const std::size_t row_bytes = segment.rows.stride();
    constexpr std::size_t step = 4096;
    for (std::size_t row = 0; good && row < n; row += step) {
      if (options.cancelled()) return give_up(Status::fail(Code::aborted, "the operation was aborted"));
      good = file.write_at(layout.rows + (segment.first + row) * row_bytes, segment.rows.at(row),
                           std::min(step, n - row) * row_bytes);
      segment.read(false, std::min(step, n - row));
    }
  }
  good = good && ::fsync(file.get()) == 0;
  good = good && ::rename(temporary.c_str(), path.c_str()) == 0;
  return good ? Status::good()
              : give_up(Status::fail(Code::output_failed, system_error(path, "write the file")));
}

Status Corpus::open(const std::string& path, std::shared_ptr<const Corpus>& out) {
  const File file(path, O_RDONLY);
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) {
    const Code code = errno == ENOENT ? Code::input_not_found : Code::input_unreadable;
    return Status::fail(code, system_error(path, "open the file"));
  }
  const auto invalid = [&] {
    return Status::fail(Code::input_unreadable,
                        path + ": not a corpus saved by this version, or only a part of one; save it again");
  };
  const auto size = static_cast<std::size_t>(info.st_size);
  Header header;
  if (!S_ISREG(info.st_mode) || size < sizeof header ||
      ::pread(file.get(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) {
    return invalid();
  }
  constexpr std::uint64_t most = 0x7fffffff;
  if (header.magic != magic || header.version != version || header.check != check_of(header) ||
      header.metric > 1 || header.type > 3 || header.coded > 1 || header.rows > most || header.dim < 1 ||
      header.dim > most || header.size != size) {
    return invalid();
  }
  // rows * dim < 2^62: no product below overflows.
  const Layout layout(header);
  if (layout.size != size) return invalid();
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) return Status::fail(Code::input_unreadable, system_error(path, "map the file"));
  auto mapped = std::make_shared<const MappedFile>(memory, size);

  auto corpus = std::make_shared<Corpus>();
  corpus->rows_ = header.rows;
  corpus->dim_ = header.dim;
  corpus->type_ = static_cast<DType>(header.type);
  corpus->metric_ = static_cast<Metric>(header.metric);
  const auto* const centre = mapped->at<float>(layout.centre);
  corpus->centre_ = std::make_shared<const std::vector<float>>(centre, centre + header.dim);
  auto part = std::make_shared<CorpusPart>();
  part->rows = {mapped->at<std::byte>(layout.rows), corpus->type_, header.rows, header.dim};
  part->norms = {mapped->at<double>(layout.norms), header.rows};
  if (header.coded != 0) {
    part->codes = {mapped->at<std::int8_t>(layout.codes),
                   code_stride(header.dim),
                   {mapped->at<RowCode>(layout.row_codes), header.rows},
                   header.lengths};
  }
  part->file = std::move(mapped);
  corpus->parts_.push_back(std::move(part));
  out = std::move(corpus);
  return Status::good();
}

}  // namespace diptych::similarity
