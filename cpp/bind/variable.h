// The Python type chainrule._core.Variable: a hold on a node of a tape. A plain CPython type, since arithmetic on numbers and short
// arrays is worth nothing if each operator first looks for its overload.
#pragma once

#include <pybind11/pybind11.h>

#include "graph/operation.h"
#include "graph/tape.h"

namespace chainrule::bind {

/// The tape of all variables of a type.
[[nodiscard]] graph::Tape& tape_of(DType dtype);

/// What a Variable holds; null for another object.
[[nodiscard]] const graph::Tape::Handle* handle_of(PyObject* object) noexcept;
/// A new Variable that holds a node, of the class that set_variable_class has named.
[[nodiscard]] pybind11::object hold(graph::Tape& tape, graph::NodeId id);
[[nodiscard]] pybind11::object hold(graph::Tape& tape, graph::NodeId id, PyTypeObject* type);
/// The node of an operand: a Variable's, or a constant with the value of a number or array, which is cast to the tape's type. kNone
/// for objects that are neither; TypeError for a Variable of another type and for complex numbers.
[[nodiscard]] graph::NodeId node_of(graph::Tape& tape, PyObject* operand);
/// The result of an operation as a new Variable.
[[nodiscard]] pybind11::object apply(graph::Tape& tape, const graph::Operation& operation, graph::Operands inputs,
                                     const graph::Attributes& attributes = {});
/// _core.Variable itself.
[[nodiscard]] PyTypeObject* variable_type();
/// The class of new variables, a subclass of _core.Variable.
void set_variable_class(const pybind11::type& type);
/// While a function is recorded that will run on other values too, in this thread: comparisons are recorded, as 1 and 0, and a
/// value or the truth of one cannot be had, since the function's course would be fixed by it.
void set_tracing(bool tracing) noexcept;
[[nodiscard]] bool is_tracing() noexcept;

}  // namespace chainrule::bind
