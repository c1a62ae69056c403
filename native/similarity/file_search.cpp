#include "similarity/file_search.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/aligned_buffer.hpp"
#include "base/thread_pool.hpp"
#include "similarity/block_search.hpp"
#include "similarity/codes.hpp"

namespace diptych::similarity {

using base::Code;
using base::Status;

namespace {

class Reader {
 public:
  explicit Reader(const RowFile& file)
      : file_(file), descriptor_(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Reader() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] Status check() const {
    struct stat info {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &info) != 0) {
      return Status::fail(errno == ENOENT ? Code::input_not_found : Code::input_unreadable,
                          file_.path + ": cannot open the file: " + std::strerror(errno));
    }
    std::size_t bytes = 0;
    if (!base::multiply(file_.rows, file_.dim * element_size(file_.type), &bytes) || !S_ISREG(info.st_mode) ||
        static_cast<std::size_t>(info.st_size) < file_.offset ||
        static_cast<std::size_t>(info.st_size) - file_.offset < bytes) {
      return Status::fail(Code::input_unreadable, file_.path + ": holds fewer rows than its header says");
    }
    return Status::good();
  }

  // Read, not mapped: a mapped file that somebody shortens kills the process.
  [[nodiscard]] Status read(std::size_t row, std::size_t count, std::byte* to) const {
    std::size_t left = count * file_.dim * element_size(file_.type);
    std::size_t at = file_.offset + row * file_.dim * element_size(file_.type);
    while (left > 0) {
      const ssize_t got = ::pread(descriptor_, to, left, static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        return Status::fail(
            Code::input_unreadable,
            file_.path + ": cannot read: " + (got == 0 ? "the file became shorter" : std::strerror(errno)));
      }
      to += got;
      at += static_cast<std::size_t>(got);
      left -= static_cast<std::size_t>(got);
    }
    return Status::good();
  }

 private:
  const RowFile& file_;
  int descriptor_;
};

// As many rows as a centre is made of, from all over the file: those that centre_of takes in memory.
Status read_sample(const Reader& reader, const RowFile& file, std::vector<std::byte>& bytes, Rows& sample) {
  const std::size_t count = std::min(file.rows, centre_rows);
  const std::size_t stride = file.dim * element_size(file.type);
  bytes.resize(count * stride);
  sample = {bytes.data(), file.type, count, file.dim};
  for (std::size_t i = 0; i < count; ++i) {
    if (Status status = reader.read(centre_row(i, file.rows), 1, bytes.data() + i * stride); !status.ok()) {
      return status;
    }
  }
  return Status::good();
}

}  // namespace

Status top_k_file(const Rows& queries, const RowFile& file, std::size_t k, std::size_t block_bytes,
                  std::span<std::int32_t> indices, std::span<float> scores, std::int32_t* progress,
                  const Options& options) {
  const Reader reader(file);
  if (Status status = reader.check(); !status.ok()) return status;
  const std::size_t row_bytes = file.dim * element_size(file.type);
  const std::size_t step = std::clamp<std::size_t>(block_bytes / row_bytes, 1, file.rows);
  std::array<base::AlignedBuffer<std::byte>, 2> buffers;
  for (auto& buffer : buffers) {
    if (!buffer.reserve(step * row_bytes)) {
      return Status::fail(Code::out_of_memory,
                          "not enough memory for two blocks of rows: make blocks smaller");
    }
  }
  const auto rows_at = [&](std::size_t first) { return std::min(step, file.rows - first); };
  std::vector<std::byte> sampled;
  Rows sample;
  if (Status status = read_sample(reader, file, sampled, sample); !status.ok()) return status;
  std::unique_ptr<BlockSearch> search;
  if (Status status = BlockSearch::start(queries, sample, k, options, search); !status.ok()) return status;
  if (Status status = reader.read(0, rows_at(0), buffers[0].data()); !status.ok()) return status;
  std::size_t current = 0;
  for (std::size_t first = 0; first < file.rows; first += step, current = 1 - current) {
    const std::size_t next = first + step;
    std::array<Status, 2> done;
    base::ThreadPool::shared().for_each(next < file.rows ? 2 : 1, 2, [&](std::size_t task) {
      try {
        if (task == 0) {
          done[0] = search->search({buffers[current].data(), file.type, rows_at(first), file.dim}, options);
        } else {
          done[1] = reader.read(next, rows_at(next), buffers[1 - current].data());
        }
      } catch (const std::bad_alloc&) {  // nothing may leave a pool thread
        done[task] =
            Status::fail(Code::out_of_memory, "not enough memory for this call: make blocks smaller");
      }
    });
    for (Status& status : done) {
      if (!status.ok()) return std::move(status);
    }
    std::atomic_ref<std::int32_t>(*progress).store(static_cast<std::int32_t>(first + rows_at(first)),
                                                   std::memory_order_relaxed);
  }
  return search->finish(indices, scores);
}

}  // namespace diptych::similarity
