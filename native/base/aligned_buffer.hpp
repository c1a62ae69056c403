// Memory that is reused: it grows, never shrinks by itself, and is never cleared. Kernels may load whole
// vectors past the end of the data, so every buffer has `kSlack` readable bytes behind its last element.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace diptych::base {

inline constexpr std::size_t kAlignment = 64;
inline constexpr std::size_t kSlack = 256;

// a * b, or false when it does not fit.
[[nodiscard]] constexpr bool multiply(std::size_t a, std::size_t b, std::size_t* out) noexcept {
  if (b != 0 && a > std::numeric_limits<std::size_t>::max() / b) return false;
  *out = a * b;
  return true;
}

template <class T>
  requires std::is_trivial_v<T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;

  // Room for `count` elements, contents undefined. False when memory is not to be had; what was there is
  // lost.
  [[nodiscard]] bool reserve(std::size_t count) noexcept {
    if (count <= capacity_) return true;
    std::size_t bytes = 0;
    if (!multiply(count, sizeof(T), &bytes) || bytes > std::numeric_limits<std::size_t>::max() / 2)
      return false;
    bytes = (bytes + kSlack + kAlignment - 1) / kAlignment * kAlignment;
    release();
    void* memory = ::operator new(bytes, std::align_val_t{kAlignment}, std::nothrow);
    if (memory == nullptr) return false;
    data_.reset(static_cast<T*>(memory));
    capacity_ = count;
    return true;
  }

  void release() noexcept {
    data_.reset();
    capacity_ = 0;
  }

  [[nodiscard]] T* data() noexcept { return data_.get(); }
  [[nodiscard]] const T* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::span<T> first(std::size_t count) noexcept { return {data_.get(), count}; }

 private:
  struct Delete {
    void operator()(T* memory) const noexcept { ::operator delete(memory, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<T, Delete> data_;
  std::size_t capacity_ = 0;
};

}  // namespace diptych::base
