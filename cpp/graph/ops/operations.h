// Every operation of operations.inc as a function: `graph.apply(ops::matmul(), {x, w})`. The object lives as long as the process,
// so that a node's operation is recognised by its address: `node.operation == &ops::matmul()`.
#pragma once

#include "graph/operation.h"

namespace chainrule::graph::ops {

#define CHAINRULE_OPERATION(name) [[nodiscard]] const Operation& name();
#include "graph/ops/operations.inc"
#undef CHAINRULE_OPERATION

}  // namespace chainrule::graph::ops
