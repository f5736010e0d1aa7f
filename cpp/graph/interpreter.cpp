#include "graph/interpreter.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/fp_environment.h"
#include "graph/operation.h"

namespace chainrule::graph {
namespace {

/// Checks a fed value against its node; `rows` is the number of rows that feeds agree on so far.
void check_feed(const Node& node, NodeId id, const Tensor& value, std::optional<std::int64_t>& rows) {
  if (node.operation != nullptr || node.constant) {
    throw std::invalid_argument(text("evaluate: expected values for inputs and parameters, got one for node ", id));
  }
  if (value.dtype() != node.dtype) {
    throw TypeError(text("evaluate: expected ", name_of(node.dtype), " for ", node.name, ", got ", name_of(value.dtype())));
  }
  const bool by_rows = !node.shape.empty() && node.shape.front() == kRows;
  bool fits = value.defined() && value.shape().size() == node.shape.size();
  for (std::size_t i = by_rows ? 1 : 0; fits && i < node.shape.size(); ++i) fits = value.shape()[i] == node.shape[i];
  if (!fits) {
    throw std::invalid_argument(
        text("evaluate: expected shape ", shape_text(node.shape), " for ", node.name, ", got ", shape_text(value.shape())));
  }
  if (!by_rows) return;
  if (rows.value_or(value.shape().front()) != value.shape().front()) {
    throw std::invalid_argument(
        text("evaluate: expected ", *rows, " rows for ", node.name, " as for the others, got ", value.shape().front()));
  }
  rows = value.shape().front();
}

Tensor value_of(const Node& node, std::span<const Tensor> inputs) {
  std::vector<ValueType> types;
  types.reserve(inputs.size());
  for (const Tensor& input : inputs) types.push_back({input.shape(), input.dtype()});
  const ValueType type = node.operation->infer(types, node.attributes);
  return node.operation->forward(inputs, node.attributes, type.shape);
}

}  // namespace

Evaluation::Evaluation(const Graph& graph, std::span<const NodeId> wanted, std::span<const Feed> feeds) {
  const std::vector<NodeId> needed = between(graph, {}, wanted);
  const auto number_of = [&needed](NodeId id) {
    return static_cast<std::size_t>(std::lower_bound(needed.begin(), needed.end(), id) - needed.begin());
  };
  steps_.reserve(needed.size());
  for (const NodeId id : needed) {
    const Node& node = graph.node(id);
    Step step{.node = &node, .inputs = {}};
    for (const NodeId input : node.inputs) {
      step.inputs.push_back(number_of(input));
      ++steps_[step.inputs.back()].uses;
    }
    step.value = node.value;
    steps_.push_back(std::move(step));
  }
  for (const NodeId id : wanted) {
    wanted_.push_back(number_of(id));
    ++steps_[wanted_.back()].uses;
  }
  std::optional<std::int64_t> rows;
  for (const auto& [id, value] : feeds) {
    check_feed(graph.node(id), id, value, rows);
    const std::size_t number = number_of(id);
    if (number < needed.size() && needed[number] == id) steps_[number].value = value;
  }
  for (const Step& step : steps_) {
    if (step.node->operation != nullptr || step.value.defined()) continue;
    throw std::invalid_argument(text("evaluate: expected a value for ", step.node->name, ", got none"));
  }
}

std::vector<Tensor> Evaluation::run() {
  const FpEnvironment environment;
  std::vector<Tensor> inputs;
  for (Step& step : steps_) {
    if (step.node->operation == nullptr) continue;
    inputs.clear();
    for (const std::size_t number : step.inputs) {
      Step& source = steps_[number];
      inputs.push_back(source.value);
      if (--source.uses == 0) source.value = Tensor();
    }
    step.value = value_of(*step.node, inputs);
  }
  std::vector<Tensor> result;
  result.reserve(wanted_.size());
  for (const std::size_t number : wanted_) result.push_back(steps_[number].value);
  return result;
}

std::vector<Tensor> evaluate(const Graph& graph, std::span<const NodeId> wanted, std::span<const Feed> feeds) {
  return Evaluation(graph, wanted, feeds).run();
}

}  // namespace chainrule::graph
