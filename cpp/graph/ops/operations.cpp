#include "graph/ops/operations.h"

#include <unordered_map>

#include "base/error.h"

namespace chainrule::graph {

void Operation::run_elements(const ElementArgs& /*args*/, const Attributes& /*attributes*/) const {
  throw std::logic_error(text(name(), ": expected an operation that works element by element"));
}

std::span<const Operation* const> all_operations() {
  static const Operation* const kAll[] = {
#define CHAINRULE_OPERATION(name) &ops::name(),
#include "graph/ops/operations.inc"
#undef CHAINRULE_OPERATION
  };
  return kAll;
}

const Operation& operation_named(std::string_view name) {
  static const auto kByName = [] {
    std::unordered_map<std::string_view, const Operation*> by_name;
    for (const Operation* operation : all_operations()) by_name.emplace(operation->name(), operation);
    return by_name;
  }();
  const auto found = kByName.find(name);
  if (found == kByName.end()) throw std::invalid_argument(text("graph: expected the name of an operation, got '", name, "'"));
  return *found->second;
}

double flops_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.operation == nullptr) return 0;
  std::vector<ValueType> types;
  types.reserve(node.inputs.size());
  for (const NodeId input : node.inputs) types.push_back({graph.node(input).shape, graph.node(input).dtype});
  return node.operation->flops(types, node.attributes);
}

}  // namespace chainrule::graph
