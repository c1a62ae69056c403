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
#include "similarity/codes.hpp"
#include "similarity/norms.hpp"
#include "similarity/query_block.hpp"
#include "similarity/topk.hpp"

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

// All queries, in ranges, on their way through the file.
class FileSearch {
 public:
  FileSearch(const Rows& queries, std::size_t k, const Options& options)
      : queries_(queries), k_(k), options_(options), query_norms_(queries.rows) {}

  Status start(const Rows& first_block) {
    if (Status status = row_norms(queries_, "queries", query_norms_, options_); !status.ok()) return status;
    centre_ = centre_of(first_block, options_.metric);
    const std::size_t step = queries_per_block(k_, options_);
    for (std::size_t first = 0; first < queries_.rows; first += step) {
      blocks_.push_back(std::make_unique<QueryBlock>(queries_, first, std::min(step, queries_.rows - first),
                                                     query_norms_, centre_, k_, options_));
    }
    return Status::good();
  }

  Status search(const Rows& rows, std::size_t first) {
    norms_.resize(rows.rows);
    Segment segment{rows, first, norms_, norms_, {}};
    for (const auto& block : blocks_) {
      Status status = block->search(segment);
      if (!status.ok()) return named_bad_row(std::move(status), rows, "rows", options_, first);
    }
    return Status::good();
  }

  void finish(std::span<std::int32_t> indices, std::span<float> scores) {
    const std::size_t step = queries_per_block(k_, options_);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const std::size_t count = std::min(step, queries_.rows - i * step) * k_;
      blocks_[i]->finish(indices.subspan(i * step * k_, count), scores.subspan(i * step * k_, count));
    }
  }

 private:
  const Rows& queries_;
  std::size_t k_;
  const Options& options_;
  std::vector<double> query_norms_;
  std::vector<double> norms_;
  std::vector<float> centre_;
  std::vector<std::unique_ptr<QueryBlock>> blocks_;
};

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
  if (Status status = reader.read(0, rows_at(0), buffers[0].data()); !status.ok()) return status;
  FileSearch search(queries, k, options);
  if (Status status = search.start({buffers[0].data(), file.type, rows_at(0), file.dim}); !status.ok()) {
    return status;
  }
  std::size_t current = 0;
  for (std::size_t first = 0; first < file.rows; first += step, current = 1 - current) {
    const std::size_t next = first + step;
    std::array<Status, 2> done;
    base::ThreadPool::shared().for_each(next < file.rows ? 2 : 1, 2, [&](std::size_t task) {
      try {
        if (task == 0) {
          done[0] = search.search({buffers[current].data(), file.type, rows_at(first), file.dim}, first);
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
  search.finish(indices, scores);
  return Status::good();
}

}  // namespace diptych::similarity
