// Values of variables: from Python's numbers and arrays, and back.
#pragma once

#include <pybind11/numpy.h>

#include "base/tensor.h"

namespace chainrule::bind {

/// A number as a value of shape ().
[[nodiscard]] Tensor tensor_of(DType dtype, double number);
/// An array of real numbers, cast to a type; TypeError for other arrays.
[[nodiscard]] Tensor tensor_of(DType dtype, const pybind11::array& array, const char* what);
/// A NumPy scalar for shape (), else a new array.
[[nodiscard]] pybind11::object value_of(const Tensor& value);

}  // namespace chainrule::bind
