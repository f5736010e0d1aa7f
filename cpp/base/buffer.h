// Cache-line aligned, zero-filled arrays whose size is checked for overflow before anything is allocated.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace chainrule {

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kHugePage = std::size_t{2} * 1024 * 1024;

/// Asks for huge pages, where the system leaves that to programs: 117 MB of weights in small ones miss the processor's table of
/// pages at every turn of a product.
inline void prefer_huge_pages([[maybe_unused]] void* data, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(MADV_HUGEPAGE)
  static_cast<void>(madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE));  // advice: it may be refused
#endif
}

/// a * b, or std::bad_alloc where the product does not fit: a size that overflows can never be allocated.
inline std::size_t checked_product(std::size_t a, std::size_t b) {
  std::size_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || product > std::numeric_limits<std::ptrdiff_t>::max()) {
    throw std::bad_alloc();
  }
  return product;
}

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) : size_(size) {
    const std::size_t bytes = checked_product(size, sizeof(T));
    if (bytes > std::numeric_limits<std::ptrdiff_t>::max() - kHugePage) throw std::bad_alloc();
    const std::size_t alignment = bytes < kHugePage ? kCacheLine : kHugePage;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    data_ = static_cast<T*>(std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded));
    if (data_ == nullptr) throw std::bad_alloc();
    if (bytes >= kHugePage) prefer_huge_pages(data_, bytes);
    if (bytes != 0) std::memset(static_cast<void*>(data_), 0, bytes);
  }
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace chainrule
