// RowFunction: a function given in Python as an operation of a network's graph.
#include <pybind11/stl.h>

#include "bind/bindings.h"
#include "bind/casters.h"
#include "graph/row_function.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

using graph::RowFunction;
using Given = std::tuple<const graph::Graph&, std::vector<graph::NodeId>, graph::NodeId>;

graph::Recorded recorded(const Given& given) { return {std::get<0>(given), std::get<1>(given), {std::get<2>(given)}}; }

}  // namespace

void bind_row_function(py::module_& module) {
  py::class_<RowFunction, std::shared_ptr<RowFunction>>(
      module, "RowFunction", py::is_final(),
      "A function whose value's rows depend on the same rows of its inputs alone, recorded on FEW_ROWS and on MANY_ROWS rows: "
      "(graph, inputs, output) each.")
      .def(py::init([](std::string name, const Given& few, const Given& many) {
             return std::make_shared<RowFunction>(std::move(name), recorded(few), recorded(many));
           }),
           py::arg("name"), py::arg("few"), py::arg("many"))
      .def_property_readonly("columns", [](const RowFunction& self) { return self.shape().size() == 1 ? 1 : self.shape().back(); })
      .def_property_readonly("by_element", [](const RowFunction& self) { return self.runner()->by_element(); });
  module.attr("FEW_ROWS") = graph::kFewRows;
  module.attr("MANY_ROWS") = graph::kManyRows;
}

}  // namespace chainrule::bind
