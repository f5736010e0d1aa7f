// An operation whose value does not move with its inputs: both derivatives are exactly zero.
#pragma once

#include "graph/operation.h"

namespace chainrule::graph {

class ConstantOperation : public Operation {
 public:
  [[nodiscard]] NodeId jvp(Graph& /*graph*/, NodeId /*self*/, std::span<const NodeId> /*tangents*/) const final { return kNone; }
  [[nodiscard]] NodeId vjp(Graph& /*graph*/, NodeId /*self*/, NodeId /*cotangent*/, int /*input*/) const final { return kNone; }
};

}  // namespace chainrule::graph
