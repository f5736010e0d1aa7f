// NumPy's calls of variables: the most frequent go straight to an operation, the others to rules in Python.
#pragma once

#include <pybind11/pybind11.h>

namespace chainrule::bind {

/// __array_ufunc__ and __array_function__.
[[nodiscard]] PyMethodDef* numpy_methods();
/// a @ b as NumPy has it: vectors are rows on the left and columns on the right.
[[nodiscard]] PyObject* matmul(PyObject* a, PyObject* b) noexcept;
/// variable[key].
[[nodiscard]] PyObject* subscript(PyObject* variable, PyObject* key) noexcept;

/// The rules: call_ufunc(ufunc, method, operands, keywords), call_function(function, arguments, keywords), subscript(variable,
/// key); and the names of the operations that ufuncs are, and functions of one argument.
void set_numpy_rules(const pybind11::function& call_ufunc, const pybind11::function& call_function,
                     const pybind11::function& subscript, const pybind11::dict& operations);

}  // namespace chainrule::bind
