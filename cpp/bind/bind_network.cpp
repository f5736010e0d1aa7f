// Network.
#include <pybind11/stl.h>

#include <span>

#include "bind/arrays.h"
#include "bind/bindings.h"
#include "bind/features.h"
#include "train/network.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

using train::Network;

std::vector<py::array> predict_all(Network& network, std::span<const train::Feature> x) {
  std::vector<py::array> results;
  std::vector<void*> out;
  const std::size_t rows = x.empty() ? 0 : x[0].rows();
  for (const std::size_t columns : network.outputs()) {
    results.push_back(new_array(network.dtype(), {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)}));
    out.push_back(results.back().mutable_data());
  }
  const py::gil_scoped_release release;
  network.predict(x, out);
  return results;
}

void set_parameters(Network& network, const std::map<std::string, py::array>& values) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, array] : values) {
    tensors.emplace_back(name, tensor_from(array.attr("astype")(name_of(network.dtype())), name.c_str()));
  }
  const py::gil_scoped_release release;
  network.set_parameters(tensors);
}

}  // namespace

void bind_network(py::module_& module) {
  py::class_<Network, std::shared_ptr<Network>>(module, "Network", py::is_final(),
                                                "The parameters of a model, in panels, and its prediction plan.")
      .def(py::init([](const graph::Graph& graph, std::vector<graph::NodeId> inputs, std::vector<graph::NodeId> outputs) {
             return std::shared_ptr<Network>(Network::make(graph, std::move(inputs), std::move(outputs)));
           }),
           py::arg("graph"), py::arg("inputs"), py::arg("outputs"))
      .def_property_readonly("parameter_names", &Network::parameter_names)
      .def(
          "parameter",
          [](Network& network, const std::string& name) {
            return array_from(without_gil([&] { return network.parameter(name); }));
          },
          py::arg("name"))
      .def("set_parameters", &set_parameters, py::arg("values"))
      .def(
          "predict",
          [](Network& network, const py::object& x, double scale) {
            const train::Feature feature = feature_of(x, "x", scale);
            if (network.outputs().size() != 1)
              throw std::invalid_argument("predict: expected a network of one output, got several");
            py::array result = new_array(
                network.dtype(), {static_cast<std::int64_t>(feature.rows()), static_cast<std::int64_t>(network.outputs()[0])});
            void* const out = result.mutable_data();
            const py::gil_scoped_release release;
            network.predict({&feature, 1}, {&out, 1});
            return result;
          },
          py::arg("x"), py::arg("scale") = 1.0)
      .def(
          "predict_all",
          [](Network& network, const std::vector<py::object>& x, const std::vector<double>& scales) {
            return predict_all(network, features(x, scales));
          },
          py::arg("x"), py::arg("scales"))
      .def("explain", &Network::explain, py::call_guard<py::gil_scoped_release>());
}

}  // namespace chainrule::bind
