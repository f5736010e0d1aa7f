#include "bind/numpy_calls.h"

#include "base/fp_environment.h"
#include "bind/recording.h"
#include "graph/ops/operations.h"

namespace chainrule::bind {
namespace {

namespace py = pybind11;
namespace ops = graph::ops;
using graph::Graph;
using graph::NodeId;
using graph::Operation;
using graph::Tape;

PyObject* g_ufunc = nullptr;
PyObject* g_function = nullptr;
PyObject* g_subscript = nullptr;
PyObject* g_operations = nullptr;  // ufunc or function -> the address of an Operation

/// The operation that a function of NumPy's is on so many operands; null where it is none.
const Operation* operation_of(PyObject* function, Py_ssize_t operands) {
  PyObject* const address = PyDict_GetItemWithError(g_operations, function);
  if (address == nullptr) return nullptr;
  const auto* const operation = static_cast<const Operation*>(PyLong_AsVoidPtr(address));
  return operation->arity() == operands ? operation : nullptr;
}

bool no_keywords(PyObject* keywords) { return keywords == nullptr || PyDict_GET_SIZE(keywords) == 0; }

py::dict named(PyObject* keywords) { return keywords == nullptr ? py::dict() : py::reinterpret_borrow<py::dict>(keywords); }

/// __array_ufunc__(ufunc, method, *operands, **keywords).
PyObject* array_ufunc(PyObject* /*self*/, PyObject* arguments, PyObject* keywords) noexcept {
  constexpr Py_ssize_t kFirst = 2;
  const Py_ssize_t end = PyTuple_GET_SIZE(arguments);
  if (end <= kFirst) return PyErr_Format(PyExc_TypeError, "__array_ufunc__: expected a ufunc, a method and operands");
  PyObject* const ufunc = PyTuple_GET_ITEM(arguments, 0);
  PyObject* const method = PyTuple_GET_ITEM(arguments, 1);
  PyObject* const a = PyTuple_GET_ITEM(arguments, kFirst);
  const bool is_call = PyUnicode_Check(method) && PyUnicode_CompareWithASCIIString(method, "__call__") == 0;
  const Operation* const operation = is_call && no_keywords(keywords) ? operation_of(ufunc, end - kFirst) : nullptr;
  if (operation != nullptr && operation->arity() == 1 && handle_of(a) != nullptr) return unary(*operation, a);
  if (operation != nullptr && operation->arity() == 2) {
    PyObject* const b = PyTuple_GET_ITEM(arguments, kFirst + 1);
    return operation == &ops::matmul() ? matmul(a, b) : binary(*operation, a, b);
  }
  return guarded([&]() -> PyObject* {
    const auto operands = py::reinterpret_steal<py::tuple>(PyTuple_GetSlice(arguments, kFirst, end));
    return py::handle(g_ufunc)(py::handle(ufunc), py::handle(method), operands, named(keywords)).release().ptr();
  });
}

/// __array_function__(function, types, arguments, keywords).
PyObject* array_function(PyObject* /*self*/, PyObject* given, PyObject* /*keywords*/) noexcept {
  PyObject* function = nullptr;
  PyObject* types = nullptr;
  PyObject* arguments = nullptr;
  PyObject* keywords = nullptr;
  if (PyArg_UnpackTuple(given, "__array_function__", 4, 4, &function, &types, &arguments, &keywords) == 0) return nullptr;
  if (PyTuple_Check(arguments) && PyTuple_GET_SIZE(arguments) == 1 && PyDict_Check(keywords) && no_keywords(keywords)) {
    PyObject* const x = PyTuple_GET_ITEM(arguments, 0);
    const Operation* const operation = handle_of(x) == nullptr ? nullptr : operation_of(function, 1);
    if (operation != nullptr) return unary(*operation, x);
  }
  return PyObject_CallFunctionObjArgs(g_function, function, arguments, keywords, nullptr);
}

/// The node in another shape.
NodeId reshaped(Graph& graph, NodeId id, Shape shape) { return graph.apply(ops::reshape(), {id}, {.shape = std::move(shape)}); }

}  // namespace

PyMethodDef* numpy_methods() {
  static const auto kUfunc = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(array_ufunc));
  static const auto kFunction = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(array_function));
  static PyMethodDef methods[] = {
      {"__array_ufunc__", kUfunc, METH_VARARGS | METH_KEYWORDS, "Record what a ufunc of NumPy's does."},
      {"__array_function__", kFunction, METH_VARARGS | METH_KEYWORDS, "Record what a function of NumPy's does."},
      {nullptr, nullptr, 0, nullptr}};
  return methods;
}

PyObject* matmul(PyObject* a, PyObject* b) noexcept {
  return with_both(a, b, [](Tape& tape, NodeId left, NodeId right) {
    const FpEnvironment environment;
    Graph& graph = tape.graph();
    const Shape of_left = graph.node(left).shape;
    const Shape of_right = graph.node(right).shape;
    if (of_left.empty() || of_right.empty()) {
      throw std::invalid_argument("matmul: expected arrays of one dimension or more, got a number");
    }
    const bool row = of_left.size() == 1;
    const bool column = of_right.size() == 1;
    if (row) left = reshaped(graph, left, {1, of_left[0]});
    if (column) right = reshaped(graph, right, {of_right[0], 1});
    NodeId y = graph.apply(ops::matmul(), {left, right});
    if (row || column) {
      // The row and the column that the vectors were given go again.
      const Shape& full = graph.node(y).shape;
      Shape shape(full.begin(), full.end() - 2);
      if (!row) shape.push_back(*(full.end() - 2));
      if (!column) shape.push_back(full.back());
      y = reshaped(graph, y, std::move(shape));
    }
    return hold(tape, y);
  });
}

PyObject* subscript(PyObject* variable, PyObject* key) noexcept {
  const graph::Tape::Handle& handle = *handle_of(variable);
  const Shape& shape = handle.node().shape;
  if (shape.size() == 1 && PyLong_CheckExact(key)) {
    const auto size = static_cast<Py_ssize_t>(shape[0]);
    Py_ssize_t place = PyLong_AsSsize_t(key);
    if (PyErr_Occurred() != nullptr) {  // too large for any array: NumPy says so below
      PyErr_Clear();
      place = size;
    }
    if (place < 0) place += size;
    if (place >= 0 && place < size) {
      return guarded([&]() -> PyObject* {
        Tape& tape = handle.tape();
        tape.tidy();
        const Tape::Numbers numbers(tape);
        Tensor index(DType::int64, {});
        *index.data<std::int64_t>() = place;
        return apply(tape, ops::gather(), {handle.id(), tape.graph().constant(index)}).release().ptr();
      });
    }
  }
  if (g_subscript == nullptr) return PyErr_Format(PyExc_TypeError, "_core.Variable: expected a subclass that indexes, got none");
  return PyObject_CallFunctionObjArgs(g_subscript, variable, key, nullptr);
}

void set_numpy_rules(const py::function& call_ufunc, const py::function& call_function, const py::function& subscript,
                     const py::dict& operations) {
  py::dict addresses;
  for (const auto& [function, name] : operations) {
    const Operation& operation = graph::operation_named(name.cast<std::string>());
    addresses[function] = py::reinterpret_steal<py::object>(PyLong_FromVoidPtr(const_cast<Operation*>(&operation)));
  }
  g_ufunc = py::object(call_ufunc).release().ptr();
  g_function = py::object(call_function).release().ptr();
  g_subscript = py::object(subscript).release().ptr();
  g_operations = addresses.release().ptr();
}

}  // namespace chainrule::bind
