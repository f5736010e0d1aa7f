// RowGradients: gradients of each row, and the Jacobian of the outputs.
#include "train/row_gradients.h"

#include <pybind11/stl.h>

#include "bind/array_view.h"
#include "bind/arrays.h"
#include "bind/bindings.h"
#include "bind/operations.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

using train::Network;
using train::RowGradients;

py::array run(RowGradients& gradients, const py::array& x, const std::optional<py::array>& y, double scale) {
  train::Dataset data;
  data.x.push_back({view_of(x, "x"), scale});
  if (y) data.y.push_back({view_of(*y, "y"), gradients.labels()});
  const std::size_t rows = checked_product(data.rows(), gradients.gradients_per_row());
  py::array out = new_array(gradients.dtype(), {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(gradients.size())});
  void* const to = out.mutable_data();
  {
    const py::gil_scoped_release release;
    gradients.run(data, to);
  }
  return out;
}

}  // namespace

void bind_row_gradients(py::module_& module) {
  py::class_<RowGradients>(module, "RowGradients", py::is_final(), "The gradient of each row of a batch by itself.")
      .def(py::init([](std::shared_ptr<Network> network, const std::optional<AnyOperation>& loss, double alpha, bool labels) {
             return RowGradients::make(std::move(network), loss ? operation_from(*loss) : nullptr, alpha, labels);
           }),
           py::arg("network"), py::kw_only(), py::arg("loss") = py::none(), py::arg("alpha") = 0.0, py::arg("labels") = false)
      .def("run", &run, py::arg("x"), py::arg("y") = std::nullopt, py::arg("scale") = 1.0);
}

}  // namespace chainrule::bind
