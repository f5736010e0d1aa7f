#include "bind/arrays.h"

#include <cstring>

#include "base/error.h"

namespace chainrule::bind {
namespace py = pybind11;

py::dtype numpy_type(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return py::dtype::of<float>();
    case DType::float64:
      return py::dtype::of<double>();
    case DType::int64:
      break;
  }
  return py::dtype::of<std::int64_t>();
}

py::tuple tuple_of(const Shape& shape) {
  py::tuple result(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) result[i] = shape[i];
  return result;
}

std::optional<DType> native_type(const py::array& array) {
  const py::dtype dtype = array.dtype();
  if (dtype.byteorder() != '=') return std::nullopt;
  const int number = dtype.normalized_num();
  if (number == py::dtype::num_of<float>()) return DType::float32;
  if (number == py::dtype::num_of<double>()) return DType::float64;
  if (number == py::dtype::num_of<std::int64_t>()) return DType::int64;
  return std::nullopt;
}

Tensor tensor_from(const py::object& value, const char* what) {
  const py::array given = py::array::ensure(value);
  if (!given) {
    PyErr_Clear();
    throw TypeError(text(what, ": expected an array, got ", py::str(py::type::of(value)).cast<std::string>()));
  }
  const std::optional<DType> dtype = native_type(given);
  if (!dtype) {
    throw TypeError(
        text(what, ": expected an array of float32, float64 or int64, got ", py::str(given.dtype()).cast<std::string>()));
  }
  const bool is_dense = (given.flags() & py::array::c_style) != 0;
  const py::array dense = is_dense ? given : py::array::ensure(given, py::array::c_style);
  if (!dense) throw py::error_already_set();
  Tensor tensor(*dtype, Shape(dense.shape(), dense.shape() + dense.ndim()));
  if (tensor.size() != 0) std::memcpy(tensor.raw(), dense.data(), tensor.size() * size_of(*dtype));
  return tensor;
}

py::array new_array(DType dtype, const Shape& shape) { return {numpy_type(dtype), shape}; }

py::array array_from(const Tensor& tensor) {
  py::array array = new_array(tensor.dtype(), tensor.shape());
  if (tensor.size() != 0) std::memcpy(array.mutable_data(), tensor.raw(), tensor.size() * size_of(tensor.dtype()));
  return array;
}

}  // namespace chainrule::bind
