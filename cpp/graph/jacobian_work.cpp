#include "graph/jacobian_work.h"

#include <algorithm>
#include <string>

#include "graph/differentiate.h"
#include "graph/extract.h"
#include "graph/operation.h"

namespace chainrule::graph {
namespace {

// What making a node and its value takes beside the arithmetic, in FLOPs. An estimate, not tuned.
constexpr double kNodeFlops = 2000;

double work_from(const Graph& graph, NodeId first) {
  double work = 0;
  for (NodeId id = first; id < graph.size(); ++id) {
    if (graph.node(id).operation != nullptr) work += kNodeFlops + flops_of(graph, id);
  }
  return work;
}

}  // namespace

std::vector<NodeId> waists(const Graph& graph, std::span<const NodeId> inputs, NodeId output) {
  const std::vector<NodeId> active = between(graph, inputs, {&output, 1});
  if (active.empty() || inputs.empty()) return {};
  const NodeId first = active.front();
  std::vector<NodeId> last_use(static_cast<std::size_t>(output - first) + 1, kNone);
  for (const NodeId id : active) {
    for (const NodeId input : graph.node(id).inputs) {
      if (input >= first) last_use[static_cast<std::size_t>(input - first)] = id;
    }
  }
  // Each active node is on a path: all paths pass through those that no edge jumps over.
  const NodeId last_input = *std::max_element(inputs.begin(), inputs.end());
  NodeId reach = last_input;  // how far the edges go that start before the node looked at
  std::vector<NodeId> result;
  for (const NodeId id : active) {
    if (reach <= id && last_input < id && id < output) result.push_back(id);
    reach = std::max(reach, last_use[static_cast<std::size_t>(id - first)]);
  }
  return result;
}

JacobianWork jacobian_work(const Graph& graph, std::span<const NodeId> inputs, NodeId output) {
  JacobianWork result;
  const auto size = [&](NodeId id) { return element_count(graph.node(id).shape); };
  for (const NodeId id : waists(graph, inputs, output)) {
    if (result.waist == kNone || size(id) < size(result.waist)) result.waist = id;
  }
  auto [copy, from, to] = extract(graph, inputs, std::vector<std::string>(inputs.size()), {&output, 1});
  std::vector<NodeId> tangents;
  tangents.reserve(from.size());
  for (const NodeId id : from) tangents.push_back(copy.constant(Tensor(copy.dtype(), copy.node(id).shape)));
  NodeId start = copy.size();
  static_cast<void>(forward(copy, from, tangents, to));
  result.forward = work_from(copy, start);
  const std::vector<NodeId> cotangents{copy.constant(Tensor(copy.dtype(), copy.node(to.front()).shape))};
  start = copy.size();
  static_cast<void>(reverse(copy, to, cotangents, from));
  result.reverse = work_from(copy, start);
  return result;
}

}  // namespace chainrule::graph
