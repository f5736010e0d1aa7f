// The parameters of a network: each a panel matrix that training updates in place, with a transposed copy where a plan needs one.
// A vector of n parameters (a bias) is a matrix of one row.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/tensor.h"
#include "kernels/args.h"

namespace chainrule::plan {

/// A matrix in panels that owns its memory.
template <class T>
class PanelMatrix {
 public:
  PanelMatrix() = default;
  PanelMatrix(std::size_t rows, std::size_t columns)
      : stride_(kernels::panel_stride<T>(rows)), buffer_(checked_product(stride_, kernels::panel_count<T>(columns))) {}

  [[nodiscard]] kernels::Panels<T> panels() noexcept { return {buffer_.data(), stride_}; }
  [[nodiscard]] kernels::Panels<const T> panels() const noexcept { return {buffer_.data(), stride_}; }
  [[nodiscard]] bool empty() const noexcept { return buffer_.size() == 0; }
  /// All of its memory, padding included: matrices of one shape agree in it.
  [[nodiscard]] std::span<T> elements() noexcept { return {buffer_.data(), buffer_.size()}; }

 private:
  std::size_t stride_ = 0;
  Buffer<T> buffer_;
};

/// Row-major `dst` from panels, and panels from row-major `src`.
template <class T>
void unpack(kernels::Panels<const T> src, std::size_t rows, std::size_t columns, T* dst);
template <class T>
void pack(const T* src, std::size_t rows, std::size_t columns, kernels::Panels<T> dst);

/// A parameter as a matrix (rows, columns). One of the two layouts is the master, which gradients and optimizer state follow and
/// updates change; the other is refreshed from it. The master is `value`, but for a matrix of few columns, whose panels would be
/// mostly padding.
template <class T>
struct Parameter {
  std::string name;
  Shape shape;
  std::size_t rows = 0;
  std::size_t columns = 0;
  PanelMatrix<T> value;       // (rows, columns)
  PanelMatrix<T> transposed;  // (columns, rows); empty until a plan asks for it, unless it is the master
  bool transposed_is_master = false;

  [[nodiscard]] PanelMatrix<T>& master() noexcept { return transposed_is_master ? transposed : value; }
  [[nodiscard]] const PanelMatrix<T>& master() const noexcept { return transposed_is_master ? transposed : value; }
  [[nodiscard]] PanelMatrix<T>& mirror() noexcept { return transposed_is_master ? value : transposed; }
  [[nodiscard]] std::size_t master_rows() const noexcept { return transposed_is_master ? columns : rows; }
  [[nodiscard]] std::size_t master_columns() const noexcept { return transposed_is_master ? rows : columns; }
  [[nodiscard]] std::size_t master_panels() const noexcept { return kernels::panel_count<T>(master_columns()); }
};

template <class T>
class Parameters {
 public:
  /// std::invalid_argument where the name is taken or the shape is not of one or two dimensions.
  std::size_t add(const std::string& name, const Shape& shape);
  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] Parameter<T>& operator[](std::size_t i) noexcept { return all_[i]; }
  [[nodiscard]] const Parameter<T>& operator[](std::size_t i) const noexcept { return all_[i]; }
  /// The number of the parameter called `name`; std::invalid_argument where there is none.
  [[nodiscard]] std::size_t find(const std::string& name) const;

  /// A row-major copy, and back. `values` has the parameter's shape and type.
  [[nodiscard]] Tensor get(std::size_t i) const;
  void set(std::size_t i, const Tensor& values);
  /// A row-major copy of a matrix that is laid out as parameter i's master is.
  [[nodiscard]] Tensor from_master(std::size_t i, const PanelMatrix<T>& matrix) const;
  /// And back.
  void to_master(std::size_t i, const Tensor& values, PanelMatrix<T>& matrix) const;
  /// Keeps a transposed copy of parameter i from now on.
  void keep_transposed(std::size_t i);

 private:
  void refresh_transposed(std::size_t i);

  std::vector<Parameter<T>> all_;
};

}  // namespace chainrule::plan
