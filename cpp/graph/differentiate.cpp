#include "graph/differentiate.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "graph/negated_rule.h"
#include "graph/operation.h"
#include "graph/ops/operations.h"

namespace chainrule::graph {
namespace {

/// The derivative found so far at each active node and, in a window that starts at a later node, at the variables before it.
class Derivatives {
 public:
  /// `active`: what `between` gave; `variables`: the nodes that count as independent.
  Derivatives(const std::vector<NodeId>& active, std::span<const NodeId> variables, NodeId first)
      : low_(active.empty() ? 0 : active.front()) {
    if (!active.empty()) entries_.resize(static_cast<std::size_t>(active.back() - low_) + 1);
    for (const NodeId id : active) entries_[static_cast<std::size_t>(id - low_)].active = true;
    for (const NodeId id : variables) {
      if (id < first) earlier_.push_back({id, kNone});
    }
  }

  /// Where the node's derivative stands; null for a node that is not active.
  [[nodiscard]] NodeId* find(NodeId id) {
    const std::int64_t slot = std::int64_t{id} - low_;
    if (slot >= 0 && slot < static_cast<std::int64_t>(entries_.size())) {
      Entry& entry = entries_[static_cast<std::size_t>(slot)];
      return entry.active ? &entry.derivative : nullptr;
    }
    const auto variable = std::find_if(earlier_.begin(), earlier_.end(), [id](const Variable& v) { return v.id == id; });
    return variable == earlier_.end() ? nullptr : &variable->derivative;
  }

 private:
  struct Entry {
    NodeId derivative = kNone;
    bool active = false;
  };
  struct Variable {
    NodeId id;
    NodeId derivative;
  };
  std::vector<Entry> entries_;
  std::vector<Variable> earlier_;
  NodeId low_;
};

void accumulate(Graph& graph, NodeId& sum, NodeId term) {
  if (term == kNone) return;
  sum = sum == kNone ? term : graph.apply(ops::add(), {sum, term});
}

/// A derivative as it enters or leaves the rule of `operation` for input number `input`: itself, but for a test of the checks.
NodeId signed_for(Graph& graph, const Operation& operation, Mode mode, int input, NodeId derivative) {
  if (derivative == kNone || !is_negated(operation, mode, input)) return derivative;
  return graph.apply(ops::negate(), {derivative});
}

/// One derivative for each node, of the node's shape and of the graph's type.
void check_seeds(const Graph& graph, std::string_view mode, std::string_view kind, std::span<const NodeId> nodes,
                 std::span<const NodeId> seeds) {
  if (nodes.size() != seeds.size()) {
    throw std::invalid_argument(text(mode, ": expected ", nodes.size(), " ", kind, "s, got ", seeds.size()));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (seeds[i] == kNone) continue;
    const Node& node = graph.node(nodes[i]);
    const Node& seed = graph.node(seeds[i]);
    if (seed.shape == node.shape && seed.dtype == graph.dtype()) continue;
    throw std::invalid_argument(text(mode, ": expected a ", kind, " of shape ", shape_text(node.shape), " and type ",
                                     name_of(graph.dtype()), ", got ", shape_text(seed.shape), " and ", name_of(seed.dtype)));
  }
}

void check_differentiable(const Graph& graph, std::string_view mode, std::span<const NodeId> nodes) {
  for (const NodeId id : nodes) {
    if (graph.node(id).dtype == DType::int64) {
      throw TypeError(text(mode, ": expected a variable of type ", name_of(graph.dtype()), ", got int64 at node ", id));
    }
  }
}

}  // namespace

std::vector<NodeId> reverse(Graph& graph, std::span<const NodeId> outputs, std::span<const NodeId> cotangents,
                            std::span<const NodeId> wrt, NodeId first) {
  check_seeds(graph, "reverse", "cotangent", outputs, cotangents);
  check_differentiable(graph, "reverse", wrt);
  if (wrt.empty()) return {};
  const std::vector<NodeId> active = between(graph, wrt, outputs, first);
  Derivatives derivatives(active, wrt, first);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (NodeId* sum = derivatives.find(outputs[i])) accumulate(graph, *sum, cotangents[i]);
  }
  for (auto id = active.rbegin(); id != active.rend(); ++id) {
    const NodeId cotangent = *derivatives.find(*id);
    const Node& node = graph.node(*id);
    if (cotangent == kNone || node.operation == nullptr) continue;
    const NodeId first_added = graph.size();
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      NodeId* sum = derivatives.find(node.inputs[i]);
      if (sum == nullptr) continue;
      const int input = static_cast<int>(i);
      const NodeId term = node.operation->vjp(graph, *id, cotangent, input);
      accumulate(graph, *sum, signed_for(graph, *node.operation, Mode::vjp, input, term));
    }
    graph.name_nodes(first_added, node.name);
  }
  std::vector<NodeId> result;
  result.reserve(wrt.size());
  for (const NodeId id : wrt) {
    const NodeId* derivative = derivatives.find(id);
    result.push_back(derivative == nullptr ? kNone : *derivative);
  }
  return result;
}

std::vector<NodeId> forward(Graph& graph, std::span<const NodeId> inputs, std::span<const NodeId> tangents,
                            std::span<const NodeId> outputs, NodeId first) {
  check_seeds(graph, "forward", "tangent", inputs, tangents);
  check_differentiable(graph, "forward", inputs);
  if (inputs.empty()) return std::vector<NodeId>(outputs.size(), kNone);
  const std::vector<NodeId> active = between(graph, inputs, outputs, first);
  Derivatives derivatives(active, inputs, first);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (NodeId* sum = derivatives.find(inputs[i])) accumulate(graph, *sum, tangents[i]);
  }
  std::vector<NodeId> of_inputs;
  for (const NodeId id : active) {
    const Node& node = graph.node(id);
    if (node.operation == nullptr) continue;
    of_inputs.clear();
    bool flows = false;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const NodeId* tangent = derivatives.find(node.inputs[i]);
      const NodeId given = tangent == nullptr ? kNone : *tangent;
      of_inputs.push_back(signed_for(graph, *node.operation, Mode::jvp, static_cast<int>(i), given));
      flows = flows || of_inputs.back() != kNone;
    }
    // A variable that depends on other variables moves with them and by its own tangent, as reverse mode has it.
    if (flows) accumulate(graph, *derivatives.find(id), node.operation->jvp(graph, id, of_inputs));
  }
  std::vector<NodeId> result;
  result.reserve(outputs.size());
  for (const NodeId id : outputs) {
    const NodeId* derivative = derivatives.find(id);
    result.push_back(derivative == nullptr ? kNone : *derivative);
  }
  return result;
}

}  // namespace chainrule::graph
