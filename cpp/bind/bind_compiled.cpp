// chainrule._core.Compiled: a graph as a function of arrays. A plain CPython type, since a call is worth microseconds.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <structmember.h>

#include "base/error.h"
#include "bind/arrays.h"
#include "bind/bindings.h"
#include "bind/casters.h"
#include "bind/values.h"
#include "bind/variable.h"
#include "graph/compiled.h"

namespace chainrule::bind {
namespace {

namespace py = pybind11;
using graph::Compiled;

struct CompiledObject {
  PyObject_HEAD vectorcallfunc call;
  Compiled* program;
  bool single;  // the one output itself, else a tuple of them
};

CompiledObject& object_of(PyObject* object) { return *reinterpret_cast<CompiledObject*>(object); }

/// Writes an argument where input i is read; false where it is no number or array of just that shape and type.
bool take(const Tensor& input, PyObject* argument) {
  if (input.shape().empty() && PyFloat_Check(argument)) {
    const double number = PyFloat_AS_DOUBLE(argument);
    if (input.dtype() == DType::float32) {
      *input.data<float>() = static_cast<float>(number);
    } else {
      *input.data<double>() = number;
    }
    return true;
  }
  if (!py::isinstance<py::array>(argument)) return false;
  auto array = py::reinterpret_borrow<py::array>(argument);
  const Shape& shape = input.shape();
  if (static_cast<std::size_t>(array.ndim()) != shape.size() || !std::equal(shape.begin(), shape.end(), array.shape()))
    return false;
  const bool fits =
      input.dtype() == DType::float32 ? py::isinstance<py::array_t<float>>(array) : py::isinstance<py::array_t<double>>(array);
  if (!fits) return false;
  if ((array.flags() & py::array::c_style) == 0) array = py::array::ensure(array, py::array::c_style);
  if (input.size() != 0) std::memcpy(input.raw(), array.data(), input.size() * size_of(input.dtype()));
  return true;
}

PyObject* call(PyObject* self, PyObject* const* arguments, std::size_t flags, PyObject* keywords) noexcept {
  CompiledObject& object = object_of(self);
  const auto count = static_cast<std::size_t>(PyVectorcall_NARGS(flags));
  if (count != object.program->inputs() || (keywords != nullptr && PyTuple_GET_SIZE(keywords) != 0)) Py_RETURN_NONE;
  try {
    Compiled& program = *object.program;
    for (std::size_t i = 0; i < count; ++i) {
      if (!take(program.input(i), arguments[i])) Py_RETURN_NONE;
    }
    program.run();
    if (object.single) return value_of(program.output(0)).release().ptr();
    py::tuple results(program.outputs());
    for (std::size_t i = 0; i < program.outputs(); ++i) results[i] = value_of(program.output(i));
    return results.release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (...) {
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

void destroy(PyObject* self) {
  delete object_of(self).program;
  PyTypeObject* const type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyTypeObject* compiled_type() {
  static PyTypeObject* const type = [] {
    static PyMemberDef members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(CompiledObject, call), READONLY, nullptr},
                                    {nullptr, 0, 0, 0, nullptr}};
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("A graph as a function of numbers and arrays; None for others than it takes.")},
        {Py_tp_dealloc, reinterpret_cast<void*>(destroy)},
        {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
        {Py_tp_members, members},
        {0, nullptr}};
    PyType_Spec spec = {"chainrule._core.Compiled", sizeof(CompiledObject), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    auto* const made = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (made == nullptr) throw py::error_already_set();
    return made;
  }();
  return type;
}

py::object compile(const graph::Graph& graph, const std::vector<graph::NodeId>& inputs, const std::vector<graph::NodeId>& outputs,
                   bool single) {
  if (single && outputs.size() != 1) {
    throw std::invalid_argument(text("compile: expected one output, got ", outputs.size()));
  }
  auto program = std::make_unique<Compiled>(graph, inputs, outputs);
  PyTypeObject* const type = compiled_type();
  PyObject* const made = type->tp_alloc(type, 0);
  if (made == nullptr) throw py::error_already_set();
  CompiledObject& object = object_of(made);
  object.call = call;
  object.single = single;
  object.program = program.release();
  return py::reinterpret_steal<py::object>(made);
}

py::dict facts(const py::object& compiled) {
  if (Py_TYPE(compiled.ptr()) != compiled_type()) throw TypeError("compiled_facts: expected a Compiled");
  const Compiled& program = *object_of(compiled.ptr()).program;
  py::dict result;
  result["evaluated"] = program.evaluated();
  result["steps"] = program.steps();
  result["buffer_bytes"] = program.buffer_bytes();
  return result;
}

}  // namespace

void bind_compiled(py::module_& module) {
  module.add_object("Compiled", reinterpret_cast<PyObject*>(Py_NewRef(reinterpret_cast<PyObject*>(compiled_type()))));
  module.def("compile", &compile, py::arg("graph"), py::arg("inputs"), py::arg("outputs"), py::arg("single"),
             "The outputs as a function of the inputs; `single`: of the one output itself, not in a tuple.");
  module.def("compiled_facts", &facts, py::arg("compiled"),
             "Nodes that a run evaluates, in order; passes over memory; bytes of buffers.");
  module.def("set_tracing", &set_tracing, py::arg("tracing"),
             "Whether this thread records a function that will run on other values: comparisons are recorded, values are refused.");
  module.def("is_tracing", &is_tracing, "What set_tracing said last in this thread.");
}

}  // namespace chainrule::bind
