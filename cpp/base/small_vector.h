// A vector of plain values that holds its first few in place: shapes and lists of operands, made and copied with every node of a
// graph, are then no allocations. The interface is std::vector's, as far as it is used.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <type_traits>
#include <utility>

namespace chainrule {

template <class T, std::uint32_t kInPlace>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  using value_type = T;
  using size_type = std::size_t;
  using iterator = T*;
  using const_iterator = const T*;

  SmallVector() noexcept {}
  explicit SmallVector(std::size_t size, T value = T{}) { resize(size, value); }
  SmallVector(std::initializer_list<T> values) : SmallVector(values.begin(), values.end()) {}
  template <std::forward_iterator Iterator>
  SmallVector(Iterator first, Iterator last) {
    grow(static_cast<std::size_t>(std::distance(first, last)));
    std::copy(first, last, begin());
  }
  SmallVector(const SmallVector& other) {
    if (other.in_place()) {
      take_values(other);
    } else {
      copy(other);
    }
  }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (in_place() && other.in_place()) {
      take_values(other);
    } else if (this != &other) {
      copy(other);
    }
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~SmallVector() { release(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] T* data() noexcept { return in_place() ? values_.in_place : values_.heap; }
  [[nodiscard]] const T* data() const noexcept { return in_place() ? values_.in_place : values_.heap; }
  [[nodiscard]] T* begin() noexcept { return data(); }
  [[nodiscard]] T* end() noexcept { return data() + size_; }
  [[nodiscard]] const T* begin() const noexcept { return data(); }
  [[nodiscard]] const T* end() const noexcept { return data() + size_; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data()[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data()[i]; }
  [[nodiscard]] T& front() noexcept { return *begin(); }
  [[nodiscard]] const T& front() const noexcept { return *begin(); }
  [[nodiscard]] T& back() noexcept { return *(end() - 1); }
  [[nodiscard]] const T& back() const noexcept { return *(end() - 1); }

  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    capacity = std::max<std::size_t>(capacity, std::size_t{2} * capacity_);
    T* const values = new T[capacity];
    std::copy(begin(), end(), values);
    release();
    values_.heap = values;
    capacity_ = static_cast<std::uint32_t>(capacity);
  }
  void push_back(T value) {
    grow(size() + 1);
    back() = value;
  }
  void clear() noexcept { size_ = 0; }
  void resize(std::size_t size, T value = T{}) {
    const std::size_t before = this->size();
    grow(size);
    if (size > before) std::fill(begin() + before, end(), value);
  }
  template <std::forward_iterator Iterator>
  void append(Iterator first, Iterator last) {
    const std::size_t before = size();
    grow(before + static_cast<std::size_t>(std::distance(first, last)));
    std::copy(first, last, begin() + before);
  }

  friend bool operator<(const SmallVector& a, const SmallVector& b) noexcept {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }
  friend bool operator==(const SmallVector& a, const SmallVector& b) noexcept {
    return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  [[nodiscard]] bool in_place() const noexcept { return capacity_ == kInPlace; }
  void grow(std::size_t size) {
    reserve(size);
    size_ = static_cast<std::uint32_t>(size);
  }
  void copy(const SmallVector& other) {
    size_ = 0;
    grow(other.size());
    std::copy(other.begin(), other.end(), begin());
  }
  /// Copies all that there is in place, whatever it means: without a loop over the size.
  void take_values(const SmallVector& other) noexcept {
    size_ = other.size_;
    std::memcpy(static_cast<void*>(&values_), static_cast<const void*>(&other.values_), sizeof values_);
  }
  /// Becomes what other was, from having nothing to release; other is empty then.
  void take(SmallVector& other) noexcept {
    take_values(other);
    other.size_ = 0;
    capacity_ = std::exchange(other.capacity_, kInPlace);
  }
  void release() noexcept {
    if (!in_place()) delete[] values_.heap;
    capacity_ = kInPlace;
  }

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = kInPlace;
  union Values {
    T in_place[kInPlace];
    T* heap;
  } values_;
};

}  // namespace chainrule
