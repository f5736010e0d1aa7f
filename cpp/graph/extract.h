// A function as a graph of its own, taken from what a tape has recorded.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace chainrule::graph {

struct Extract {
  Graph graph;
  std::vector<NodeId> inputs;
  std::vector<NodeId> outputs;
};

/// The nodes of `tape`, a graph that evaluates at once, through which `outputs` depend on `inputs`: as a graph that evaluates
/// later, whose inputs have the given names (empty: "x" and its place). What depends on no input is a constant in it.
[[nodiscard]] Extract extract(const Graph& tape, std::span<const NodeId> inputs, std::span<const std::string> names,
                              std::span<const NodeId> outputs);

/// The operation of one node as a graph of its own, for its local derivatives: each operand is an input of its own, also where
/// the same node is an operand twice; constants stay constants. std::invalid_argument for a node without an operation.
[[nodiscard]] Extract alone(const Graph& graph, NodeId id);

}  // namespace chainrule::graph
