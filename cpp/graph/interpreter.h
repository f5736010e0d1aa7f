// Evaluates nodes of a graph on tensors, each needed node once and no other.
#pragma once

#include <utility>

#include "graph/graph.h"

namespace chainrule::graph {

using Feed = std::pair<NodeId, Tensor>;

/// The values of `wanted`, given values for the inputs and parameters that they depend on. std::invalid_argument for a missing feed
/// or one of the wrong shape (rows are whatever the feeds' leading dimension is, and must agree), TypeError for
/// one of the wrong type.
[[nodiscard]] std::vector<Tensor> evaluate(const Graph& graph, std::span<const NodeId> wanted, std::span<const Feed> feeds);

/// The same in two steps: nodes may be added to the graph, by other threads too, once an Evaluation of it is made.
class Evaluation {
 public:
  Evaluation(const Graph& graph, std::span<const NodeId> wanted, std::span<const Feed> feeds);
  /// Computes the values; once only, since intermediate values are freed when they were last used.
  [[nodiscard]] std::vector<Tensor> run();

 private:
  /// One node to evaluate; values are numbered in the order of steps.
  struct Step {
    const Node* node;
    std::vector<std::size_t> inputs;
    std::int64_t uses = 0;
    Tensor value = {};
  };

  std::vector<Step> steps_;
  std::vector<std::size_t> wanted_;
};

}  // namespace chainrule::graph
