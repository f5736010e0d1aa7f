#include "graph/extract.h"

#include <unordered_map>

#include "base/error.h"

namespace chainrule::graph {

Extract extract(const Graph& tape, std::span<const NodeId> inputs, std::span<const std::string> names,
                std::span<const NodeId> outputs) {
  if (names.size() != inputs.size()) {
    throw std::invalid_argument(text("extract: expected ", inputs.size(), " names, got ", names.size()));
  }
  Extract result{Graph(tape.dtype()), {}, {}};
  Graph& graph = result.graph;
  graph.keep_those_of(tape);
  std::unordered_map<NodeId, NodeId> number;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Node& node = tape.node(inputs[i]);
    const NodeId id = graph.input(names[i].empty() ? text("x", i) : names[i], node.shape, node.dtype);
    result.inputs.push_back(id);
    number.emplace(inputs[i], id);
  }
  const auto number_of = [&](NodeId id) {
    const auto [found, is_new] = number.try_emplace(id, kNone);
    if (is_new) found->second = graph.constant(tape.node(id).value);
    return found->second;
  };
  if (!inputs.empty()) {
    for (const NodeId id : between(tape, inputs, outputs)) {
      if (number.contains(id)) continue;
      const Node& node = tape.node(id);
      Operands operands;
      for (const NodeId input : node.inputs) operands.push_back(number_of(input));
      number.emplace(id, graph.apply(*node.operation, std::move(operands), node.attributes, node.name));
    }
  }
  for (const NodeId id : outputs) result.outputs.push_back(number_of(id));
  return result;
}

Extract alone(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.operation == nullptr) throw std::invalid_argument(text("alone: expected a node with an operation, got node ", id));
  Extract result{Graph(graph.dtype()), {}, {}};
  result.graph.keep_those_of(graph);
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Node& operand = graph.node(node.inputs[i]);
    result.inputs.push_back(operand.constant ? result.graph.constant(operand.value)
                                             : result.graph.input(text("x", i), operand.shape, operand.dtype));
  }
  result.outputs = {
      result.graph.apply(*node.operation, Operands(result.inputs.begin(), result.inputs.end()), node.attributes, node.name)};
  return result;
}

}  // namespace chainrule::graph
