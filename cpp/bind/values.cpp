#include "bind/values.h"

#include "base/error.h"
#include "bind/arrays.h"

namespace chainrule::bind {
namespace {

namespace py = pybind11;

/// numpy.float64 and numpy.float32, looked up once: a scalar of theirs costs half as much as one out of an array.
py::handle scalar_type(DType dtype) {
  static const py::handle float32 = py::object(py::module_::import("numpy").attr("float32")).release();
  static const py::handle float64 = py::object(py::module_::import("numpy").attr("float64")).release();
  return dtype == DType::float32 ? float32 : float64;
}

}  // namespace

Tensor tensor_of(DType dtype, double number) {
  Tensor value(dtype, {});
  if (dtype == DType::float32) {
    *value.data<float>() = static_cast<float>(number);
  } else {
    *value.data<double>() = number;
  }
  return value;
}

Tensor tensor_of(DType dtype, const py::array& array, const char* what) {
  if (native_type(array) == dtype) return tensor_from(array, what);
  const char kind = array.dtype().kind();
  if (kind != 'b' && kind != 'i' && kind != 'u' && kind != 'f') {
    throw TypeError(text(what, ": expected real numbers, got an array of ", py::str(array.dtype()).cast<std::string>()));
  }
  return tensor_from(array.attr("astype")(numpy_type(dtype)), what);
}

py::object value_of(const Tensor& value) {
  if (value.shape().empty() && value.dtype() != DType::int64) {
    const bool is_float = value.dtype() == DType::float32;
    return scalar_type(value.dtype())(py::float_(is_float ? static_cast<double>(*value.data<float>()) : *value.data<double>()));
  }
  const py::array array = array_from(value);
  return array.ndim() == 0 ? array[py::tuple()] : py::object(array);
}

}  // namespace chainrule::bind
