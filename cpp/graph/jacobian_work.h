// What a Jacobian costs in each mode, and where it is best cut in two. With w a value that everything from x to y passes through,
//   dy/dx = dy/dw dw/dx,
// which takes two passes for each element of w; forward mode takes one for each element of x, reverse mode one for each of y.
#pragma once

#include "graph/graph.h"

namespace chainrule::graph {

/// The nodes that all paths from the inputs to the output pass through, these aside; ascending. Linear in the nodes between them.
[[nodiscard]] std::vector<NodeId> waists(const Graph& graph, std::span<const NodeId> inputs, NodeId output);

struct JacobianWork {
  NodeId waist = kNone;  // the narrowest of waists(); the first of several
  double forward = 0;    // work of one tangent for all inputs
  double reverse = 0;    // work of one backward phase
};

/// In FLOPs, and FLOPs that could be done while a node is made. Linear in the nodes between inputs and output.
[[nodiscard]] JacobianWork jacobian_work(const Graph& graph, std::span<const NodeId> inputs, NodeId output);

}  // namespace chainrule::graph
