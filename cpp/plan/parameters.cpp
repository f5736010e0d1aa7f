#include "plan/parameters.h"

#include "base/error.h"
#include "kernels/table.h"

namespace chainrule::plan {

template <class T>
std::size_t Parameters<T>::add(std::string name, Shape shape) {
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
  parameter.name = std::move(name);
  parameter.shape = std::move(shape);
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
  T* dst = out.template data<T>();
  for (std::size_t row = 0; row < p.rows; ++row) {
    for (std::size_t column = 0; column < p.columns; ++column) *dst++ = *p.value.panels().at(row, column);
  }
  return out;
}

template <class T>
void Parameters<T>::set(std::size_t i, const Tensor& values) {
  Parameter<T>& p = all_[i];
  if (values.shape() != p.shape) {
    throw std::invalid_argument(
        text("parameter ", p.name, ": expected shape ", to_string(p.shape), ", got ", to_string(values.shape())));
  }
  const T* src = values.template data<T>();
  for (std::size_t row = 0; row < p.rows; ++row) {
    for (std::size_t column = 0; column < p.columns; ++column) *p.value.panels().at(row, column) = *src++;
  }
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

template class Parameters<float>;
template class Parameters<double>;

}  // namespace chainrule::plan
