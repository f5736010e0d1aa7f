// Reverse and forward mode as graph transformations: both add the nodes of the derivative to the graph and return them.
#pragma once

#include "graph/graph.h"

namespace chainrule::graph {

/// Reverse mode: for each node of `wrt` the cotangent sum over outputs of cotangent * d output / d wrt (kNone where nothing flows).
/// Only nodes between wrt and outputs are visited, each once, in descending order; what comes back to a node used several times is
/// added in that order. A cotangent of kNone is zero. Nodes before `first` count as independent variables (see between).
[[nodiscard]] std::vector<NodeId> reverse(Graph& graph, std::span<const NodeId> outputs, std::span<const NodeId> cotangents,
                                          std::span<const NodeId> wrt, NodeId first = 0);

/// Forward mode: for each output the tangent (kNone: zero), given the tangents of `inputs`.
[[nodiscard]] std::vector<NodeId> forward(Graph& graph, std::span<const NodeId> inputs, std::span<const NodeId> tangents,
                                          std::span<const NodeId> outputs, NodeId first = 0);

}  // namespace chainrule::graph
