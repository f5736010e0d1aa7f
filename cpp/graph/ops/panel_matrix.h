// A matrix in panels (kernels/args.h) packed from, and unpacked to, the dense arrays of the interpreter.
#pragma once

#include <algorithm>

#include "base/buffer.h"
#include "kernels/args.h"

namespace chainrule::graph {

template <class T>
class PanelMatrix {
 public:
  PanelMatrix(std::size_t rows, std::size_t columns) : stride_(kernels::panel_stride<T>(rows)), rows_(rows), columns_(columns) {
    const std::size_t size = checked_product(kernels::panel_count<T>(columns), stride_);
    if (size <= kInPlace) {
      std::fill_n(in_place_, size, T{0});
    } else {
      heap_ = Buffer<T>(size);
    }
  }

  /// Element (i, j) is src[i * row_stride + j * column_stride].
  PanelMatrix(const T* src, std::size_t rows, std::size_t columns, std::size_t row_stride, std::size_t column_stride)
      : PanelMatrix(rows, columns) {
    for_each_run(panels(), [&](std::size_t row, std::size_t column, T* run, std::size_t count) {
      const T* const from = src + row * row_stride + column * column_stride;
      for (std::size_t lane = 0; lane < count; ++lane) run[lane] = from[lane * column_stride];
    });
  }

  /// From a dense row-major matrix.
  PanelMatrix(const T* src, std::size_t rows, std::size_t columns) : PanelMatrix(rows, columns) {
    for_each_run(panels(), [&](std::size_t row, std::size_t column, T* run, std::size_t count) {
      std::copy_n(src + row * columns + column, count, run);
    });
  }

  PanelMatrix(const PanelMatrix&) = delete;
  PanelMatrix& operator=(const PanelMatrix&) = delete;

  [[nodiscard]] kernels::Panels<T> panels() noexcept { return {heap_.size() == 0 ? in_place_ : heap_.data(), stride_}; }
  [[nodiscard]] kernels::Panels<const T> view() const noexcept { return {heap_.size() == 0 ? in_place_ : heap_.data(), stride_}; }

  /// To a dense row-major matrix.
  void unpack(T* dst) const {
    for_each_run(view(), [&](std::size_t row, std::size_t column, const T* run, std::size_t count) {
      std::copy_n(run, count, dst + row * columns_ + column);
    });
  }

 private:
  /// Small matrices, of which scalar and small-vector code makes many, are not worth an allocation each.
  static constexpr std::size_t kInPlace = 2048 / sizeof(T);

  /// visit(row, column, pointer, count) for the part of each row in each panel.
  template <class U, class Visit>
  void for_each_run(kernels::Panels<U> panels, const Visit& visit) const {
    constexpr std::size_t P = kernels::kPanelWidth<T>;
    for (std::size_t column = 0; column < columns_; column += P) {
      U* run = panels.at(0, column);
      const std::size_t count = std::min(P, columns_ - column);
      for (std::size_t row = 0; row < rows_; ++row, run += P) visit(row, column, run, count);
    }
  }

  alignas(kCacheLine) T in_place_[kInPlace];
  Buffer<T> heap_;
  std::size_t stride_;
  std::size_t rows_;
  std::size_t columns_;
};

}  // namespace chainrule::graph
