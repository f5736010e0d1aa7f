#include "plan/parameters.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/table.h"

namespace chainrule::plan {
namespace {

/// Calls copy(row, column, count) for each run of `count` elements that are consecutive in both layouts.
template <class T, class Copy>
void for_each_run(std::size_t rows, std::size_t columns, const Copy& copy) {
  constexpr std::size_t P = kernels::kPanelWidth<T>;
  for (std::size_t row = 0; row < rows; ++row) {
    std::size_t column = 0;
    for (; column + P <= columns; column += P) copy(row, column, P);  // a length known when compiled: no call of memcpy
    if (column < columns) copy(row, column, columns - column);
  }
}

}  // namespace

template <class T>
void unpack(kernels::Panels<const T> src, std::size_t rows, std::size_t columns, T* dst) {
  for_each_run<T>(rows, columns, [&](std::size_t row, std::size_t column, std::size_t count) {
    std::memcpy(dst + row * columns + column, src.at(row, column), count * sizeof(T));
  });
}

template <class T>
void pack(const T* src, std::size_t rows, std::size_t columns, kernels::Panels<T> dst) {
  for_each_run<T>(rows, columns, [&](std::size_t row, std::size_t column, std::size_t count) {
    std::memcpy(dst.at(row, column), src + row * columns + column, count * sizeof(T));
  });
}

template <class T>
std::size_t Parameters<T>::add(const std::string& name, const Shape& shape) {
  if (shape.empty() || shape.size() > 2) {
    throw std::invalid_argument(text("parameter ", name, ": expected one or two dimensions, got shape ", to_string(shape)));
  }
  for (const Parameter<T>& other : all_) {
    if (other.name == name) throw std::invalid_argument(text("parameter ", name, ": expected a name of its own, got one in use"));
  }
  Parameter<T> parameter;
  parameter.rows = shape.size() == 2 ? element_count({shape[0]}) : 1;  // refuses negative sizes
  parameter.columns = element_count({shape.back()});
  parameter.value = PanelMatrix<T>(parameter.rows, parameter.columns);
  parameter.transposed_is_master =
      parameter.columns * kernels::panel_count<T>(parameter.rows) < parameter.rows * kernels::panel_count<T>(parameter.columns);
  if (parameter.transposed_is_master) parameter.transposed = PanelMatrix<T>(parameter.columns, parameter.rows);
  parameter.name = name;
  parameter.shape = shape;
  all_.push_back(std::move(parameter));
  return all_.size() - 1;
}

template <class T>
std::size_t Parameters<T>::find(const std::string& name) const {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    if (all_[i].name == name) return i;
  }
  throw std::invalid_argument(text("parameters: expected the name of one, got ", name));
}

template <class T>
Tensor Parameters<T>::get(std::size_t i) const {
  const Parameter<T>& p = all_[i];
  Tensor out(kDType<T>, p.shape);
  unpack(p.value.panels(), p.rows, p.columns, out.template data<T>());
  return out;
}

template <class T>
Tensor Parameters<T>::from_master(std::size_t i, const PanelMatrix<T>& matrix) const {
  const Parameter<T>& p = all_[i];
  Tensor out(kDType<T>, p.shape);
  T* const to = out.template data<T>();
  if (!p.transposed_is_master) {
    unpack(matrix.panels(), p.rows, p.columns, to);
  } else {
    const kernels::Panels<const T> from = matrix.panels();
    for (std::size_t row = 0; row < p.rows; ++row) {
      for (std::size_t column = 0; column < p.columns; ++column) to[row * p.columns + column] = *from.at(column, row);
    }
  }
  return out;
}

template <class T>
void Parameters<T>::to_master(std::size_t i, const Tensor& values, PanelMatrix<T>& matrix) const {
  const Parameter<T>& p = all_[i];
  const T* const from = values.template data<T>();
  if (!p.transposed_is_master) return pack(from, p.rows, p.columns, matrix.panels());
  const kernels::Panels<T> to = matrix.panels();
  for (std::size_t row = 0; row < p.rows; ++row) {
    for (std::size_t column = 0; column < p.columns; ++column) *to.at(column, row) = from[row * p.columns + column];
  }
}

template <class T>
void Parameters<T>::set(std::size_t i, const Tensor& values) {
  Parameter<T>& p = all_[i];
  if (values.shape() != p.shape) {
    throw std::invalid_argument(
        text("parameter ", p.name, ": expected shape ", to_string(p.shape), ", got ", to_string(values.shape())));
  }
  pack(values.template data<T>(), p.rows, p.columns, p.value.panels());
  if (!p.transposed.empty()) refresh_transposed(i);
}

template <class T>
void Parameters<T>::keep_transposed(std::size_t i) {
  Parameter<T>& p = all_[i];
  if (!p.transposed.empty()) return;
  p.transposed = PanelMatrix<T>(p.columns, p.rows);
  refresh_transposed(i);
}

template <class T>
void Parameters<T>::refresh_transposed(std::size_t i) {
  Parameter<T>& p = all_[i];
  const PanelMatrix<T>& value = p.value;
  kernels::active_tables().of<T>().transpose_panels({value.panels(), p.transposed.panels(), p.rows, p.columns});
}

template void unpack(kernels::Panels<const float>, std::size_t, std::size_t, float*);
template void unpack(kernels::Panels<const double>, std::size_t, std::size_t, double*);
template void pack(const float*, std::size_t, std::size_t, kernels::Panels<float>);
template void pack(const double*, std::size_t, std::size_t, kernels::Panels<double>);
template class Parameters<float>;
template class Parameters<double>;

}  // namespace chainrule::plan
