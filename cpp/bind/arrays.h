// NumPy arrays to tensors and back. Nothing is cast silently: an array of another type is refused.
#pragma once

#include <optional>

#include <pybind11/numpy.h>

#include "base/tensor.h"
#include "bind/casters.h"

namespace chainrule::bind {

/// A copy of the array, of any strides; TypeError unless it is float32, float64 or int64 in native byte order.
[[nodiscard]] Tensor tensor_from(const pybind11::object& value, const char* what);
/// The type of an array's elements; none for others than float32, float64 and int64 in native byte order.
[[nodiscard]] std::optional<DType> native_type(const pybind11::array& array);
[[nodiscard]] pybind11::dtype numpy_type(DType dtype);
/// A shape as Python has it.
[[nodiscard]] pybind11::tuple tuple_of(const Shape& shape);
/// A new array whose elements are not set.
[[nodiscard]] pybind11::array new_array(DType dtype, const Shape& shape);
/// A new array with the tensor's elements.
[[nodiscard]] pybind11::array array_from(const Tensor& tensor);

}  // namespace chainrule::bind
