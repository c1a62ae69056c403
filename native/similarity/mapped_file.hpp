// A file that is mapped to be read.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>

namespace diptych::similarity {

class MappedFile {
 public:
  // Takes over a shared mapping that nobody writes to.
  MappedFile(void* memory, std::size_t size) noexcept : memory_(memory), size_(size) {}
  ~MappedFile() { ::munmap(memory_, size_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  template <class T>
  [[nodiscard]] const T* at(std::size_t offset) const noexcept {
    return reinterpret_cast<const T*>(static_cast<const std::byte*>(memory_) + offset);
  }

  // So many bytes were read. A large file does not stay resident: now and then all of it is given back to the
  // system's cache, from where a page returns for less than the work on it costs.
  void read(std::size_t bytes) const noexcept {
    if (size_ <= most_resident) return;
    if (read_.fetch_add(bytes, std::memory_order_relaxed) + bytes < most_resident) return;
    read_.store(0, std::memory_order_relaxed);
    ::madvise(memory_, size_, MADV_DONTNEED);
  }
  // The same of `count` places here and there: the system maps what lies around a page that is missing, as
  // much as a huge page.
  void read_places(std::size_t count) const noexcept { read(count * around); }

 private:
  static constexpr std::size_t most_resident = std::size_t{512} << 20;
  static constexpr std::size_t around = std::size_t{2} << 20;

  void* memory_;
  std::size_t size_;
  mutable std::atomic<std::size_t> read_{0};
};

}  // namespace diptych::similarity
