#include "graph/ops/composite.h"

#include <algorithm>
#include <array>

#include "graph/differentiate.h"

namespace chainrule::graph {
namespace {

/// Whether the input is the same node as an earlier one: the expansion's derivative in the node counts all its places at once.
bool seen_before(const Operands& inputs, std::size_t input) {
  const auto end = inputs.begin() + static_cast<std::ptrdiff_t>(input);
  return std::find(inputs.begin(), end, inputs[input]) != end;
}

}  // namespace

NodeId Composite::jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const {
  const Operands& inputs = graph.node(self).inputs;
  std::vector<NodeId> moving;
  std::vector<NodeId> their_tangents;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (tangents[i] == kNone || seen_before(inputs, i)) continue;
    moving.push_back(inputs[i]);
    their_tangents.push_back(tangents[i]);
  }
  const NodeId first = graph.size();
  const std::array<NodeId, 1> value = {expand(graph, self).id};
  return graph::forward(graph, moving, their_tangents, value, first)[0];
}

NodeId Composite::vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const {
  const Operands& inputs = graph.node(self).inputs;
  const auto position = static_cast<std::size_t>(input);
  if (seen_before(inputs, position)) return kNone;
  const std::array<NodeId, 1> wrt = {inputs[position]};
  const std::array<NodeId, 1> cotangents = {cotangent};
  const NodeId first = graph.size();
  const std::array<NodeId, 1> value = {expand(graph, self).id};
  return graph::reverse(graph, value, cotangents, wrt, first)[0];
}

}  // namespace chainrule::graph
