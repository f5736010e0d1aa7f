// A matrix in panels (kernels/args.h) packed from, and unpacked to, the dense arrays of the interpreter.
#pragma once

#include "base/buffer.h"
#include "kernels/args.h"

namespace chainrule::graph {

template <class T>
class PanelMatrix {
 public:
  PanelMatrix(std::size_t rows, std::size_t columns)
      : storage_(checked_product(kernels::panel_count<T>(columns), checked_product(rows | 1U, kernels::kPanelWidth<T>))),
        rows_(rows),
        columns_(columns) {}

  /// Element (i, j) is src[i * row_stride + j * column_stride].
  PanelMatrix(const T* src, std::size_t rows, std::size_t columns, std::size_t row_stride, std::size_t column_stride)
      : PanelMatrix(rows, columns) {
    const kernels::Panels<T> dst = panels();
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) *dst.at(i, j) = src[i * row_stride + j * column_stride];
    }
  }

  /// From a dense row-major matrix.
  PanelMatrix(const T* src, std::size_t rows, std::size_t columns) : PanelMatrix(src, rows, columns, columns, 1) {}

  [[nodiscard]] kernels::Panels<T> panels() noexcept { return {storage_.data(), kernels::panel_stride<T>(rows_)}; }
  [[nodiscard]] kernels::Panels<const T> view() const noexcept { return {storage_.data(), kernels::panel_stride<T>(rows_)}; }

  /// To a dense row-major matrix.
  void unpack(T* dst) const {
    const kernels::Panels<const T> src = view();
    for (std::size_t i = 0; i < rows_; ++i) {
      for (std::size_t j = 0; j < columns_; ++j) dst[i * columns_ + j] = *src.at(i, j);
    }
  }

 private:
  Buffer<T> storage_;
  std::size_t rows_;
  std::size_t columns_;
};

}  // namespace chainrule::graph
