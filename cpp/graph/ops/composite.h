// An operation that exists for speed, or for its name, and could be written in others: it says how, and its derivatives are those
// of that expansion, to any order.
#pragma once

#include "graph/operation.h"
#include "graph/ops/expression.h"

namespace chainrule::graph {

class Composite : public Operation {
 public:
  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override;
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override;

 private:
  /// The value of `self` from its inputs, in other operations; all nodes of it are new.
  [[nodiscard]] virtual Expression expand(Graph& graph, NodeId self) const = 0;
};

}  // namespace chainrule::graph
