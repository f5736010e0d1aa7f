// What each file of bindings adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace chainrule::bind {

void bind_errors(pybind11::module_& module);
void bind_row_function(pybind11::module_& module);
void bind_graph(pybind11::module_& module);
void bind_variables(pybind11::module_& module);
void bind_compiled(pybind11::module_& module);
void bind_network(pybind11::module_& module);
void bind_profile(pybind11::module_& module);
void bind_training(pybind11::module_& module);
void bind_row_gradients(pybind11::module_& module);
void bind_tools(pybind11::module_& module);

}  // namespace chainrule::bind
