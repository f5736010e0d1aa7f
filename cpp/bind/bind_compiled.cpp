// chainrule._core.Compiled: a graph as a function of arrays. A plain CPython type, since a call is worth microseconds.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>

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
  PyObject* hole;       // stands for a number or array in the two
  PyObject* arguments;  // a tuple: what the program is called with, in lists and tuples
  PyObject* result;
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

/// Takes what stands at the template's holes, from input i on; false where the argument is made in another way.
bool take_all(const CompiledObject& object, PyObject* wanted, PyObject* argument, std::size_t& i) {
  if (wanted == object.hole) return take(object.program->input(i++), argument);
  const bool both_lists = PyList_CheckExact(wanted) && PyList_CheckExact(argument);
  if (!both_lists && !(PyTuple_CheckExact(wanted) && PyTuple_CheckExact(argument))) return false;
  const Py_ssize_t size = PySequence_Fast_GET_SIZE(wanted);
  if (PySequence_Fast_GET_SIZE(argument) != size) return false;
  for (Py_ssize_t part = 0; part < size; ++part) {
    if (!take_all(object, PySequence_Fast_GET_ITEM(wanted, part), PySequence_Fast_GET_ITEM(argument, part), i)) return false;
  }
  return true;
}

/// The template with the outputs from number i on in its holes; containers are new.
py::object filled(const CompiledObject& object, py::handle result, std::size_t& i) {
  if (result.ptr() == object.hole) return value_of(object.program->output(i++));
  if (py::isinstance<py::dict>(result)) {
    py::dict made;
    for (const auto& [key, part] : py::reinterpret_borrow<py::dict>(result)) made[key] = filled(object, part, i);
    return made;
  }
  if (!py::isinstance<py::list>(result) && !py::isinstance<py::tuple>(result)) return py::reinterpret_borrow<py::object>(result);
  py::list parts;
  for (const py::handle part : result) parts.append(filled(object, part, i));
  if (PyList_CheckExact(result.ptr())) return parts;
  if (PyTuple_CheckExact(result.ptr())) return py::tuple(parts);
  return py::hasattr(result, "_fields") ? py::type::of(result)(*parts) : py::type::of(result)(parts);
}

PyObject* call(PyObject* self, PyObject* const* arguments, std::size_t flags, PyObject* keywords) noexcept {
  CompiledObject& object = object_of(self);
  const auto count = static_cast<std::size_t>(PyVectorcall_NARGS(flags));
  if (count != static_cast<std::size_t>(PyTuple_GET_SIZE(object.arguments)) ||
      (keywords != nullptr && PyTuple_GET_SIZE(keywords) != 0))
    Py_RETURN_NONE;
  try {
    std::size_t input = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const auto place = static_cast<Py_ssize_t>(i);
      if (!take_all(object, PyTuple_GET_ITEM(object.arguments, place), arguments[i], input)) Py_RETURN_NONE;
    }
    object.program->run();
    std::size_t output = 0;
    return filled(object, object.result, output).release().ptr();
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (...) {
    py::detail::try_translate_exceptions();
  }
  return nullptr;
}

void destroy(PyObject* self) {
  CompiledObject& object = object_of(self);
  delete object.program;
  for (PyObject* held : {object.hole, object.arguments, object.result}) Py_XDECREF(held);
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
                   std::optional<py::tuple> arguments, std::optional<py::object> result, py::object hole) {
  const auto holes = [&hole](std::size_t count) {
    py::tuple all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = hole;
    return all;
  };
  if (!arguments) arguments = holes(inputs.size());
  if (!result) result = holes(outputs.size());
  auto program = std::make_unique<Compiled>(graph, inputs, outputs);
  PyTypeObject* const type = compiled_type();
  PyObject* const made = type->tp_alloc(type, 0);
  if (made == nullptr) throw py::error_already_set();
  CompiledObject& object = object_of(made);
  object.call = call;
  object.program = program.release();
  object.arguments = arguments->release().ptr();
  object.result = result->release().ptr();
  object.hole = hole.release().ptr();
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
  module.def("compile", &compile, py::arg("graph"), py::arg("inputs"), py::arg("outputs"), py::arg("arguments") = std::nullopt,
             py::arg("result") = std::nullopt, py::arg("hole") = py::none(),
             "The outputs as a function of the inputs. `arguments` is a tuple of what it is called with, and `result` what it "
             "returns, with `hole` in the place of each input and output; left out, the inputs one by one and a tuple of outputs.");
  module.def("compiled_facts", &facts, py::arg("compiled"),
             "Nodes that a run evaluates, in order; passes over memory; bytes of buffers.");
  module.def("set_tracing", &set_tracing, py::arg("tracing"),
             "Whether this thread records a function that will run on other values: comparisons are recorded, values are refused.");
  module.def("is_tracing", &is_tracing, "What set_tracing said last in this thread.");
}

}  // namespace chainrule::bind
