// Data for the kernels' tests: matrices in panels inside guarded memory, random values with special ones among them, and comparison
// by bits.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>

#include "base/buffer.h"
#include "kernels/args.h"

namespace chainrule::test {

using kernels::kPanelWidth;
using kernels::panel_count;
using kernels::panel_stride;
using kernels::Panels;

enum class Values { ordinary, special };

/// The one source of numbers: the same in every run.
inline std::mt19937_64& random_bits() {
  static std::mt19937_64 engine(20260101);
  return engine;
}

template <class T>
T random_value(Values values) {
  using Limits = std::numeric_limits<T>;
  std::mt19937_64& bits = random_bits();
  if (values == Values::special && bits() % 6 == 0) {
    const T specials[] = {T{0},
                          -T{0},
                          Limits::infinity(),
                          -Limits::infinity(),
                          Limits::quiet_NaN(),
                          Limits::max(),
                          Limits::lowest(),
                          Limits::min(),
                          Limits::denorm_min(),
                          -Limits::min() / 2,
                          T{1},
                          T{-1}};
    return specials[bits() % (sizeof(specials) / sizeof(specials[0]))];
  }
  std::uniform_real_distribution<T> uniform(-6, 6);
  return uniform(bits);
}

/// The same number, bit for bit; any NaN is like any other.
template <class T>
bool same(T a, T b) {
  return (std::isnan(a) && std::isnan(b)) || std::memcmp(&a, &b, sizeof(a)) == 0;
}

/// A plain array with a guard of `kGuard` elements on either side.
template <class T>
class Array {
 public:
  static constexpr std::size_t kGuard = 64 / sizeof(T) * 2;
  explicit Array(std::size_t n, T fill = T{77}) : memory_(n + 2 * kGuard) {
    for (std::size_t i = 0; i < memory_.size(); ++i) memory_[i] = fill;
  }
  Array(const Array& other) : memory_(other.memory_.size()) { *this = other; }
  Array& operator=(const Array& other) {
    std::memcpy(memory_.data(), other.memory_.data(), memory_.size() * sizeof(T));
    return *this;
  }
  ~Array() = default;
  static Array random(std::size_t n, Values values) {
    Array a(n);
    for (std::size_t i = 0; i < n; ++i) a.data()[i] = random_value<T>(values);
    return a;
  }
  T* data() { return memory_.data() + kGuard; }
  const T* data() const { return memory_.data() + kGuard; }
  std::size_t size() const { return memory_.size() - 2 * kGuard; }
  /// Equal in every element, guards included.
  bool operator==(const Array& other) const {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (!same(memory_[i], other.memory_[i])) return false;
    }
    return true;
  }

 private:
  Buffer<T> memory_;
};

/// A matrix in panels. Every element that is not one of the matrix is a guard: padding lanes, the rows that pad a panel, both ends.
template <class T>
class Matrix {
 public:
  Matrix(std::size_t rows, std::size_t columns, T fill)
      : rows_(rows), columns_(columns), memory_(panel_count<T>(columns) * panel_stride<T>(rows), fill) {}
  /// Random elements; guards are NaN, so that one which takes part in a result is seen.
  static Matrix random(std::size_t rows, std::size_t columns, Values values = Values::ordinary) {
    Matrix m(rows, columns, std::numeric_limits<T>::quiet_NaN());
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) m(i, j) = random_value<T>(values);
    }
    return m;
  }
  Panels<T> panels() { return {memory_.data(), panel_stride<T>(rows_)}; }
  Panels<const T> view() const { return {memory_.data(), panel_stride<T>(rows_)}; }
  T& operator()(std::size_t i, std::size_t j) { return *panels().at(i, j); }
  const T& operator()(std::size_t i, std::size_t j) const { return *view().at(i, j); }
  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  bool operator==(const Matrix& other) const { return memory_ == other.memory_; }
  /// Copies the padding lanes of the matrix's rows, where a kernel may write anything.
  void take_padding(const Matrix& other) {
    for (std::size_t i = 0; i < rows_; ++i) {
      for (std::size_t j = columns_; j < panel_count<T>(columns_) * kPanelWidth<T>; ++j) (*this)(i, j) = other(i, j);
    }
  }

 private:
  std::size_t rows_;
  std::size_t columns_;
  Array<T> memory_;
};

}  // namespace chainrule::test
