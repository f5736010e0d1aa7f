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

namespace {

DType tensor_type(const py::array& array, const std::string& what) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64}) {
    if (array.dtype().equal(numpy_type(dtype))) return dtype;
  }
  throw TypeError(text(what, ": expected an array of float32, float64 or int64, got ", py::str(array.dtype()).cast<std::string>()));
}

}  // namespace

Tensor tensor_from(const py::object& value, const std::string& what) {
  const py::array given = py::array::ensure(value);
  if (!given) {
    PyErr_Clear();
    throw TypeError(text(what, ": expected an array, got ", py::str(py::type::of(value)).cast<std::string>()));
  }
  const DType dtype = tensor_type(given, what);
  const py::array dense = py::array::ensure(given, py::array::c_style);
  if (!dense) throw py::error_already_set();
  Tensor tensor(dtype, Shape(dense.shape(), dense.shape() + dense.ndim()));
  if (tensor.size() != 0) std::memcpy(tensor.raw(), dense.data(), tensor.size() * size_of(dtype));
  return tensor;
}

py::array new_array(DType dtype, const Shape& shape) { return {numpy_type(dtype), shape}; }

py::array array_from(const Tensor& tensor) {
  py::array array = new_array(tensor.dtype(), tensor.shape());
  if (tensor.size() != 0) std::memcpy(array.mutable_data(), tensor.raw(), tensor.size() * size_of(tensor.dtype()));
  return array;
}

}  // namespace chainrule::bind
