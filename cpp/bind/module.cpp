#include "bind/bindings.h"

// Without this declaration a free-threaded interpreter would switch the GIL back on; the module makes it once its tests pass there.
PYBIND11_MODULE(_core, module) {
  module.doc() = "The native core of chainrule. Private: use chainrule itself.";
  module.attr("__version__") = CHAINRULE_VERSION;
  chainrule::bind::bind_errors(module);
  chainrule::bind::bind_row_function(module);
  chainrule::bind::bind_graph(module);
  chainrule::bind::bind_variables(module);
  chainrule::bind::bind_compiled(module);
  chainrule::bind::bind_network(module);
  chainrule::bind::bind_profile(module);
  chainrule::bind::bind_training(module);
  chainrule::bind::bind_row_gradients(module);
  chainrule::bind::bind_tools(module);
}
