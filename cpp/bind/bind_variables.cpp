// chainrule._core.Variable and what makes variables of others: record, and the two modes of derivatives.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "base/error.h"
#include "base/fp_environment.h"
#include "bind/arrays.h"
#include "bind/attributes.h"
#include "bind/bindings.h"
#include "bind/numpy_calls.h"
#include "bind/values.h"
#include "bind/variable.h"
#include "graph/differentiate.h"
#include "graph/extract.h"
#include "graph/jacobian_work.h"
#include "graph/ops/dispatch.h"

namespace chainrule::bind {
namespace {

namespace py = pybind11;
using graph::kNone;
using graph::NodeId;
using graph::Tape;

[[noreturn]] void reject(const char* what, const py::handle got) {
  throw TypeError(text(what, ": expected variables, got ", py::str(py::type::of(got)).cast<std::string>()));
}

Tape& tape_of_any(const py::object& operand, const char* what) {
  const Tape::Handle* const handle = handle_of(operand.ptr());
  if (handle == nullptr) reject(what, operand);
  return handle->tape();
}

Tape& tape_among(const py::sequence& operands, const char* what) {
  for (const py::handle operand : operands) {
    if (const Tape::Handle* handle = handle_of(operand.ptr())) return handle->tape();
  }
  throw TypeError(text(what, ": expected a variable among the operands, got none"));
}

std::vector<py::object> held(Tape& tape, const std::vector<NodeId>& ids) {
  std::vector<py::object> result;
  for (const NodeId id : ids) result.push_back(id == kNone ? py::none() : hold(tape, id));
  return result;
}

/// The nodes of variables of one tape; kNone for None where that is allowed.
std::vector<NodeId> nodes_of(Tape& tape, const std::vector<py::object>& variables, bool or_none) {
  std::vector<NodeId> ids;
  for (const py::object& variable : variables) {
    if (variable.is_none() && or_none) {
      ids.push_back(kNone);
      continue;
    }
    if (handle_of(variable.ptr()) == nullptr) reject("derivatives", variable);
    ids.push_back(node_of(tape, variable.ptr()));
  }
  return ids;
}

using Variables = std::vector<py::object>;

Variables reverse(const Variables& outputs, const Variables& cotangents, const Variables& wrt) {
  if (outputs.empty() || wrt.empty()) return Variables(wrt.size(), py::none());
  Tape& tape = tape_of_any(outputs.front(), "reverse");
  const FpEnvironment environment;
  const Tape::Numbers numbers(tape);
  return held(tape, graph::reverse(tape.graph(), nodes_of(tape, outputs, false), nodes_of(tape, cotangents, true),
                                   nodes_of(tape, wrt, false)));
}

Variables forward(const Variables& inputs, const Variables& tangents, const Variables& outputs) {
  if (inputs.empty() || outputs.empty()) return Variables(outputs.size(), py::none());
  Tape& tape = tape_of_any(inputs.front(), "forward");
  const FpEnvironment environment;
  const Tape::Numbers numbers(tape);
  return held(tape, graph::forward(tape.graph(), nodes_of(tape, inputs, false), nodes_of(tape, tangents, true),
                                   nodes_of(tape, outputs, false)));
}

py::tuple extract(const Variables& inputs, const std::vector<std::string>& names, const Variables& outputs) {
  if (inputs.empty()) throw std::invalid_argument("extract: expected an input, got none");
  Tape& tape = tape_of_any(inputs.front(), "extract");
  auto [graph, of_inputs, of_outputs] =
      graph::extract(tape.graph(), nodes_of(tape, inputs, false), names, nodes_of(tape, outputs, false));
  return py::make_tuple(std::make_unique<graph::Graph>(std::move(graph)), of_inputs, of_outputs);
}

Variables waists(const Variables& inputs, const py::object& output) {
  Tape& tape = tape_of_any(output, "waists");
  return held(tape, graph::waists(tape.graph(), nodes_of(tape, inputs, false), nodes_of(tape, {output}, false).front()));
}

py::tuple jacobian_work(const Variables& inputs, const py::object& output) {
  Tape& tape = tape_of_any(output, "jacobian_work");
  const auto [waist, forward, reverse] =
      graph::jacobian_work(tape.graph(), nodes_of(tape, inputs, false), nodes_of(tape, {output}, false).front());
  return py::make_tuple(held(tape, {waist}).front(), forward, reverse);
}

/// The value of a number or an array.
Tensor value_from(const py::object& value, DType dtype) {
  if (PyFloat_CheckExact(value.ptr())) return tensor_of(dtype, PyFloat_AS_DOUBLE(value.ptr()));
  const py::array array = py::array::ensure(value);
  if (array) return tensor_of(dtype, array, "variable");
  PyErr_Clear();
  throw TypeError(text("variable: expected a number or an array, got ", py::str(py::type::of(value)).cast<std::string>()));
}

py::object variable(const py::object& value, const std::optional<std::string>& dtype, const py::object& type) {
  const bool single = !dtype && py::isinstance<py::array>(value) && native_type(value) == DType::float32;
  Tape& tape = tape_of(dtype ? dtype_named(*dtype) : single ? DType::float32 : DType::float64);
  tape.tidy();
  const NodeId id = tape.graph().variable(value_from(value, tape.graph().dtype()));
  if (type.is_none()) return hold(tape, id);
  return hold(tape, id, reinterpret_cast<PyTypeObject*>(type.ptr()));
}

py::object variable_like(const py::object& other, const py::object& value) {
  Tape& tape = tape_of_any(other, "variable_like");
  const DType dtype = tape.graph().dtype();
  if (!value.is_none()) return hold(tape, tape.graph().variable(value_from(value, dtype)));
  Tensor ones(dtype, handle_of(other.ptr())->node().shape);
  graph::for_floating(dtype, [&]<class T>() { std::fill_n(ones.data<T>(), ones.size(), T{1}); });
  return hold(tape, tape.graph().variable(ones));
}

/// Indices stay integers; everything else gets the tape's type.
NodeId operand_node(Tape& tape, const py::handle operand, bool index) {
  if (index) return tape.graph().constant(tensor_of(DType::int64, py::array::ensure(operand), "index"));
  const NodeId id = node_of(tape, operand.ptr());
  if (id != kNone) return id;
  throw TypeError(text("record: expected variables, numbers or arrays, got ", py::str(py::type::of(operand)).cast<std::string>()));
}

py::object record(const std::string& operation, const py::sequence& operands, const py::kwargs& keywords) {
  Tape& tape = tape_among(operands, "record");
  tape.tidy();
  const Tape::Numbers numbers(tape);
  const graph::Operation& found = graph::operation_named(operation);
  const int index = keywords.contains("index") ? keywords["index"].cast<int>() : -1;
  graph::Operands inputs;
  int number = 0;
  for (const py::handle operand : operands) inputs.push_back(operand_node(tape, operand, number++ == index));
  return apply(tape, found, std::move(inputs), attributes_of(found, keywords, "index"));
}

}  // namespace

void bind_variables(py::module_& module) {
  module.add_object("Variable", reinterpret_cast<PyObject*>(variable_type()));
  module.def("set_variable_class", &set_variable_class, py::arg("type"), "What new variables are instances of.");
  module.def("set_numpy_rules", &set_numpy_rules, py::arg("call_ufunc"), py::arg("call_function"), py::arg("subscript"),
             py::arg("operations"),
             "What NumPy's ufuncs and functions and variable[key] call, but for those that are one operation: their names.");
  module.def("variable", &variable, py::arg("value"), py::arg("dtype") = py::none(), py::arg("type") = py::none(),
             "A variable with a copy of the value, an instance of `type`; without a dtype float32 for arrays of it, else float64.");
  module.def("variable_like", &variable_like, py::arg("other"), py::arg("value") = py::none(),
             "A variable of the type of another, with a copy of the value; without one, ones in the other's shape.");
  module.def("reverse", &reverse, py::arg("outputs"), py::arg("cotangents"), py::arg("wrt"),
             "Reverse mode: the derivative in each of wrt as a variable, or None where it is zero.");
  module.def("forward", &forward, py::arg("inputs"), py::arg("tangents"), py::arg("outputs"),
             "Forward mode: the tangent of each output as a variable, or None where it is zero.");
  module.def("extract", &extract, py::arg("inputs"), py::arg("names"), py::arg("outputs"),
             "What leads from the inputs to the outputs as a Graph of its own, with the inputs' and the outputs' nodes in it. What "
             "depends on no input is a constant; an empty name stands for x and the input's place.");
  module.def("waists", &waists, py::arg("inputs"), py::arg("output"),
             "The variables between inputs and output that everything passes through, in order.");
  module.def(
      "jacobian_work", &jacobian_work, py::arg("inputs"), py::arg("output"),
      "The narrowest variable between inputs and output that everything passes through, or None; the work of one tangent for "
      "all inputs, and of one backward phase, in FLOPs.");
  module.def("record", &record, py::arg("operation"), py::arg("operands"),
             "Apply an operation of operation_names() to variables, numbers and arrays; operand number `index` is one of "
             "indices. Keywords are the operation's attributes.");
}

}  // namespace chainrule::bind
