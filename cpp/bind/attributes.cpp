#include "bind/attributes.h"

#include "base/error.h"
#include "bind/casters.h"

namespace chainrule::bind {
namespace {

namespace py = pybind11;

/// Takes the value where the keyword is called `name`.
template <class T>
bool take(py::handle keyword, py::handle value, const char* name, T& field) {
  if (PyUnicode_CompareWithASCIIString(keyword.ptr(), name) != 0) return false;
  try {
    field = value.cast<T>();
  } catch (const py::cast_error&) {
    throw TypeError(text("attribute ", name, ": got ", py::repr(value).cast<std::string>()));
  }
  return true;
}

}  // namespace

graph::Attributes attributes_of(const graph::Operation& operation, const py::kwargs& keywords, const char* own) {
  graph::Attributes to;
  to.alpha = operation.default_alpha();
  for (const auto& [keyword, value] : keywords) {
    const bool taken = take(keyword, value, "axes", to.axes) || take(keyword, value, "shape", to.shape) ||
                       take(keyword, value, "keepdims", to.keepdims) || take(keyword, value, "transpose_a", to.transpose_a) ||
                       take(keyword, value, "transpose_b", to.transpose_b) || take(keyword, value, "reversed", to.reversed) ||
                       take(keyword, value, "key", to.key) || take(keyword, value, "momentum", to.momentum) ||
                       (PyUnicode_CompareWithASCIIString(keyword.ptr(), "alpha") == 0 &&
                        (value.is_none() || take(keyword, value, "alpha", to.alpha)));
    if (taken || PyUnicode_CompareWithASCIIString(keyword.ptr(), own) == 0) continue;
    throw TypeError(text(operation.name(), ": expected an attribute of operations, got ", keyword.cast<std::string>()));
  }
  return to;
}

}  // namespace chainrule::bind
