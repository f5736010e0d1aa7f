// What the slots and methods of _core.Variable are made of: C functions that return a new reference, or null with an error set.
#pragma once

#include "bind/variable.h"

namespace chainrule::bind {

/// Runs a function's body; a native error becomes Python's.
template <class Body>
PyObject* guarded(const Body& body) noexcept {
  try {
    return body();
  } catch (pybind11::error_already_set& error) {
    error.restore();
  } catch (...) {
    pybind11::detail::try_translate_exceptions();
  }
  return nullptr;
}

/// body(tape, node of a, node of b), at least one of which is a Variable; NotImplemented where the other is no number or array.
template <class Body>
PyObject* with_both(PyObject* a, PyObject* b, const Body& body) noexcept {
  return guarded([&]() -> PyObject* {
    const graph::Tape::Handle* const of_a = handle_of(a);
    const graph::Tape::Handle* const handle = of_a != nullptr ? of_a : handle_of(b);
    if (handle == nullptr) return Py_NewRef(Py_NotImplemented);
    graph::Tape& tape = handle->tape();
    tape.tidy();
    const graph::Tape::Numbers numbers(tape);
    const graph::NodeId left = node_of(tape, a);
    const graph::NodeId right = left == graph::kNone ? graph::kNone : node_of(tape, b);
    if (right == graph::kNone) return Py_NewRef(Py_NotImplemented);
    return body(tape, left, right).release().ptr();
  });
}

/// The result of an operation on two objects, one of them a Variable.
[[nodiscard]] PyObject* binary(const graph::Operation& operation, PyObject* a, PyObject* b) noexcept;
/// The result of an operation on a Variable.
[[nodiscard]] PyObject* unary(const graph::Operation& operation, PyObject* a) noexcept;

}  // namespace chainrule::bind
