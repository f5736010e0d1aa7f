// chainrule._core.Graph: the computation graph, its derivatives and its interpreter.
#include <algorithm>
#include <map>
#include <optional>
#include <span>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "base/error.h"
#include "bind/arrays.h"
#include "bind/attributes.h"
#include "bind/bindings.h"
#include "bind/operations.h"
#include "graph/differentiate.h"
#include "graph/extract.h"
#include "graph/interpreter.h"
#include "graph/negated_rule.h"
#include "graph/operation.h"

namespace chainrule::bind {
namespace {

namespace py = pybind11;
using graph::Graph;
using graph::Node;
using graph::NodeId;

std::string operation_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.operation != nullptr) return std::string(node.operation->name());
  if (node.constant) return "constant";
  const std::vector<NodeId>& parameters = graph.parameters();
  return std::binary_search(parameters.begin(), parameters.end(), id) ? "parameter" : "input";
}

NodeId apply_named(Graph& graph, const AnyOperation& operation, graph::Operands inputs, const py::kwargs& keywords) {
  const graph::SharedOperation found = operation_from(operation);
  if (std::holds_alternative<std::shared_ptr<graph::RowFunction>>(operation)) graph.keep(found);
  std::string name = keywords.contains("name") ? keywords["name"].cast<std::string>() : std::string();
  return graph.apply(*found, std::move(inputs), attributes_of(*found, keywords, "name"), std::move(name));
}

std::vector<py::array> evaluate(const Graph& graph, const std::vector<NodeId>& wanted, const std::map<NodeId, py::object>& feeds) {
  std::vector<graph::Feed> values;
  values.reserve(feeds.size());
  for (const auto& [id, value] : feeds) values.emplace_back(id, tensor_from(value, "evaluate"));
  graph::Evaluation evaluation(graph, wanted, values);
  std::vector<Tensor> results;
  {
    const py::gil_scoped_release release;  // others may add nodes meanwhile
    results = evaluation.run();
  }
  std::vector<py::array> arrays;
  arrays.reserve(results.size());
  for (const Tensor& result : results) arrays.push_back(array_from(result));
  return arrays;
}

std::vector<std::string> operation_names() {
  std::vector<std::string> names;
  for (const graph::Operation* operation : graph::all_operations()) names.emplace_back(operation->name());
  return names;
}

void negate_rule(const std::optional<std::string>& operation, const std::string& mode, int input) {
  if (mode != "jvp" && mode != "vjp") throw std::invalid_argument(text("negate_rule: expected mode jvp or vjp, got ", mode));
  const graph::Operation* found = operation ? &graph::operation_named(*operation) : nullptr;
  graph::negate_rule(found, mode == "jvp" ? graph::Mode::jvp : graph::Mode::vjp, input);
}

constexpr const char* kClassDoc = R"(A computation graph: nodes in the order they were added, each an operation on earlier ones.

A leading dimension of -1 stands for the rows of a batch, whose number is known only when values arrive.

Parameters
----------
dtype : {"float32", "float64"}
    The type of all floating-point values.

Examples
--------
>>> import numpy as np
>>> from chainrule import _core
>>> graph = _core.Graph("float64")
>>> x = graph.input("x", (3,))
>>> y = graph.apply("sum", [graph.apply("multiply", [x, x])])
>>> one = graph.constant(np.array(1.0))
>>> (gx,) = graph.reverse([y], [one], [x])
>>> graph.evaluate([gx], {x: np.array([1.0, 2.0, 3.0])})
[array([2., 4., 6.])]
)";

constexpr const char* kApplyDoc = R"(Add an operation and return its node.

Parameters
----------
operation : str
    One of operation_names().
inputs : list of int
    Nodes.
axes : sequence of int
    Axes of a reduction (all where empty), or the permutation of a transpose.
shape : sequence of int
    The shape of a reshape; a leading -1 keeps the rows. A range or a place of columns.
alpha : float, optional
    Slope, scale, exponent, delta, smoothing, probability or epsilon; None for the operation's default.
momentum : float
    Of running statistics.
key : int
    The layer's number in random streams.
transpose_a, transpose_b : bool
    Whether matmul transposes its operands.
keepdims : bool
    Whether a reduction leaves its axes with size 1.
reversed : bool
    Whether cumsum starts at the last element.
name : str
    A name for drawings.

Raises
------
ValueError
    For shapes that the operation does not take: what was expected, what came.
TypeError
    For a type that it does not take.
IndexError
    For an input that is not a node.
)";

constexpr const char* kEvaluateDoc = R"(The values of some nodes.

Parameters
----------
wanted : list of int
    Nodes.
feeds : dict of int to ndarray
    Values of the inputs and parameters that they depend on, of exactly the declared type.

Returns
-------
list of ndarray

Raises
------
ValueError
    For a missing value, one of the wrong shape, or numbers of rows that differ.
TypeError
    For a value of another type than declared.
)";

constexpr const char* kReverseDoc = R"(Add the nodes of reverse mode.

For each node of wrt, the sum over outputs of cotangent times d output / d wrt; -1 where nothing flows. A cotangent has the shape of
its output. Only nodes between wrt and outputs are visited, each once.
)";

constexpr const char* kForwardDoc = R"(Add the nodes of forward mode.

For each output its tangent, given the tangents of inputs; -1 where nothing flows. A tangent has the shape of its input.
)";

}  // namespace

void bind_graph(py::module_& module) {
  py::class_<Graph>(module, "Graph", kClassDoc)
      .def(py::init([](const std::string& dtype) { return std::make_unique<Graph>(dtype_named(dtype)); }), py::arg("dtype"))
      .def(
          "input",
          [](Graph& graph, std::string name, Shape shape, const std::optional<std::string>& dtype) {
            return graph.input(std::move(name), std::move(shape), dtype ? dtype_named(*dtype) : graph.dtype());
          },
          py::arg("name"), py::arg("shape"), py::arg("dtype") = py::none(),
          "Add a value that each evaluation is given; dtype is the graph's, or \"int64\" for labels.")
      .def("parameter", &Graph::parameter, py::arg("name"), py::arg("shape"), "Add a value that training changes.")
      .def(
          "constant", [](Graph& graph, const py::object& value) { return graph.constant(tensor_from(value, "constant")); },
          py::arg("value"), "Add a fixed value, of the graph's type or int64.")
      .def("apply", &apply_named, py::arg("operation"), py::arg("inputs"), kApplyDoc)
      .def(
          "shape", [](const Graph& graph, NodeId node) { return tuple_of(graph.node(node).shape); }, py::arg("node"),
          "The shape of a node; -1 stands for rows.")
      .def(
          "name", [](const Graph& graph, NodeId node) { return graph.node(node).name; }, py::arg("node"),
          "The name of a node, or an empty string.")
      .def("operation", &operation_of, py::arg("node"),
           "The name of a node's operation, or \"input\", \"parameter\" or \"constant\".")
      .def(
          "inputs_of", [](const Graph& graph, NodeId node) { return graph.node(node).inputs; }, py::arg("node"),
          "The nodes that a node is computed from.")
      .def(
          "attributes", [](const Graph& graph, NodeId node) { return named_attributes(graph.node(node).attributes); },
          py::arg("node"),
          "What a node's operation is parameterised by, by the names of apply's arguments, where it says something.")
      .def(
          "alone",
          [](const Graph& graph, NodeId node) {
            auto [one, operands, results] = graph::alone(graph, node);
            return py::make_tuple(std::make_unique<Graph>(std::move(one)), operands, results.front());
          },
          py::arg("node"),
          "A node's operation as a graph of its own, with its operands' nodes in it, each its own input or constant, and the "
          "result.")
      .def_property_readonly(
          "dtype", [](const Graph& graph) { return name_of(graph.dtype()); }, "The type of the graph's values.")
      .def("__len__", [](const Graph& graph) { return graph.size(); })
      .def("evaluate", &evaluate, py::arg("wanted"), py::arg("feeds"), kEvaluateDoc)
      .def(
          "reverse",
          [](Graph& graph, const std::vector<NodeId>& outputs, const std::vector<NodeId>& cotangents,
             const std::vector<NodeId>& wrt) { return graph::reverse(graph, outputs, cotangents, wrt); },
          py::arg("outputs"), py::arg("cotangents"), py::arg("wrt"), kReverseDoc)
      .def(
          "forward",
          [](Graph& graph, const std::vector<NodeId>& inputs, const std::vector<NodeId>& tangents,
             const std::vector<NodeId>& outputs) { return graph::forward(graph, inputs, tangents, outputs); },
          py::arg("inputs"), py::arg("tangents"), py::arg("outputs"), kForwardDoc);
  module.def("operation_names", &operation_names, "The names of all operations.");
  module.def("negate_rule", &negate_rule, py::arg("operation"), py::arg("mode") = "vjp", py::arg("input") = 0,
             "Turn the sign of one rule, to test that checks of derivatives notice it; None takes it back.");
}

}  // namespace chainrule::bind
