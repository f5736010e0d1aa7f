#include "bind/array_view.h"

#include "base/error.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

/// Elements of a NumPy type are a C++ type: the same kind (float, signed, unsigned) and size.
template <class Element>
bool holds(const py::dtype& dtype) {
  constexpr char kKind = std::is_floating_point_v<Element> ? 'f' : std::is_signed_v<Element> ? 'i' : 'u';
  const bool same_kind = dtype.kind() == kKind || (dtype.kind() == 'b' && std::is_same_v<Element, std::uint8_t>);
  return same_kind && dtype.itemsize() == static_cast<py::ssize_t>(sizeof(Element));
}

std::optional<kernels::Source> source_of(const py::dtype& dtype) {
  if (!dtype.attr("isnative").cast<bool>()) return std::nullopt;
#define CHAINRULE_SOURCE(name, element) \
  if (holds<element>(dtype)) return kernels::Source::name;
#include "kernels/sources.inc"
#undef CHAINRULE_SOURCE
  return std::nullopt;
}

}  // namespace

train::ArrayView view_of(const py::array& array, const char* what) {
  const std::optional<kernels::Source> source = source_of(array.dtype());
  if (!source) {
    throw TypeError(text(what, ": expected an array of float32, float64, bool or integers in native byte order, got ",
                         py::str(array.dtype()).cast<std::string>()));
  }
  if (array.ndim() != 1 && array.ndim() != 2) {
    throw std::invalid_argument(text(what, ": expected one or two dimensions, got ", array.ndim()));
  }
  const bool matrix = array.ndim() == 2;
  return {array.data(),
          *source,
          array.strides(0),
          matrix ? array.strides(1) : 0,
          static_cast<std::size_t>(array.shape(0)),
          matrix ? static_cast<std::size_t>(array.shape(1)) : 1};
}

train::SparseView sparse_view_of(const py::object& rows, const char* what) {
  const auto part = [&](const char* name) {
    const py::object array = rows.attr(name);  // an attribute that makes a new array at each look would not keep it alive
    if (!py::isinstance<py::array>(array)) throw TypeError(text(what, ": expected ", name, " as an array, got another object"));
    return view_of(py::reinterpret_borrow<py::array>(array), what);
  };
  return {part("data"), part("indices"), part("indptr"), rows.attr("shape").cast<std::pair<std::size_t, std::size_t>>().second};
}

train::Feature feature_of(const py::object& x, const char* what, double scale) {
  if (py::isinstance<py::array>(x)) return {view_of(py::reinterpret_borrow<py::array>(x), what), scale, std::nullopt};
  return {{}, scale, sparse_view_of(x, what)};
}

}  // namespace chainrule::bind
