#include "graph/graph.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "graph/operation.h"

namespace chainrule::graph {
namespace {

/// Sizes of 0 or more, after a leading kRows where that is allowed.
void check_shape(const std::string& what, const Shape& shape, bool rows_allowed) {
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0 || (rows_allowed && i == 0 && shape[i] == kRows)) continue;
    throw std::invalid_argument(text(what, ": expected ", rows_allowed ? "rows or a size" : "a size", " of 0 or more first and ",
                                     "sizes of 0 or more after it, got shape ", shape_text(shape)));
  }
}

void check_rows_lead(std::string_view operation, const Shape& shape) {
  for (std::size_t i = 1; i < shape.size(); ++i) {
    if (shape[i] != kRows) continue;
    throw std::invalid_argument(
        text(operation, ": expected a result with rows as the first dimension only, got shape ", shape_text(shape)));
  }
}

/// A node that is no operation, with all that another may have left behind overwritten.
void fill(Node& node, Shape shape, DType dtype, std::string name, Tensor value, bool constant) {
  node.operation = nullptr;
  node.inputs.clear();
  node.attributes = {};
  node.shape = std::move(shape);
  node.dtype = dtype;
  node.name = std::move(name);
  node.value = std::move(value);
  node.constant = constant;
}

}  // namespace

std::string shape_text(const Shape& shape) {
  std::string out = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    out += (i == 0 ? "" : ", ") + (shape[i] == kRows ? std::string("rows") : std::to_string(shape[i]));
  }
  return out + (shape.size() == 1 ? ",)" : ")");
}

void Nodes::shrink(std::size_t size) {
  for (std::size_t i = size; i < size_; ++i) (*this)[i].value = Tensor();
  size_ = size;
  // As many again, and a few: what a tape records until it looks the next time.
  constexpr std::size_t kFewBlocks = 40;
  blocks_.resize(std::min(blocks_.size(), 2 * (size / kBlock) + kFewBlocks));
}

Graph::Graph(DType dtype, Evaluate when) : dtype_(dtype), when_(when) {
  if (dtype == DType::int64) throw TypeError("graph: expected float32 or float64, got int64");
}

void Graph::throw_no_node(NodeId id) const {
  throw std::out_of_range(text("graph: expected a node from 0 below ", size(), ", got ", id));
}

NodeId Graph::added() {
  const Node& node = nodes_.next();
  if (node.value.defined()) new_bytes_ += node.value.size() * size_of(node.dtype);
  nodes_.take_next();
  return size() - 1;
}

void Graph::take_name(const std::string& name) {
  if (name.empty()) throw std::invalid_argument("graph: expected a name for an input or parameter, got an empty one");
  if (!names_.insert(name).second) throw std::invalid_argument(text("graph: expected unique names, got '", name, "' twice"));
}

NodeId Graph::input(std::string name, Shape shape, DType dtype) {
  if (dtype != dtype_ && dtype != DType::int64) {
    throw TypeError(text("input ", name, ": expected ", name_of(dtype_), " or int64, got ", name_of(dtype)));
  }
  check_shape("input " + name, shape, true);
  take_name(name);
  fill(nodes_.next(), std::move(shape), dtype, std::move(name), {}, false);
  inputs_.push_back(added());
  return inputs_.back();
}

NodeId Graph::parameter(std::string name, Shape shape) {
  check_shape("parameter " + name, shape, false);
  take_name(name);
  fill(nodes_.next(), std::move(shape), dtype_, std::move(name), {}, false);
  parameters_.push_back(added());
  return parameters_.back();
}

NodeId Graph::constant(const Tensor& value) {
  if (!value.defined()) throw std::invalid_argument("constant: expected a value, got none");
  if (value.dtype() != dtype_ && value.dtype() != DType::int64) {
    throw TypeError(text("constant: expected ", name_of(dtype_), " or int64, got ", name_of(value.dtype())));
  }
  fill(nodes_.next(), value.shape(), value.dtype(), {}, value, true);
  return added();
}

NodeId Graph::variable(const Tensor& value) {
  if (value.dtype() != dtype_) throw TypeError(text("variable: expected ", name_of(dtype_), ", got ", name_of(value.dtype())));
  fill(nodes_.next(), value.shape(), value.dtype(), {}, value, false);
  return added();
}

NodeId Graph::apply(const Operation& operation, Operands inputs, const Attributes& attributes, std::string name) {
  if (operation.arity() != kAnyNumber && inputs.size() != static_cast<std::size_t>(operation.arity())) {
    throw std::invalid_argument(text(operation.name(), ": expected ", operation.arity(), " inputs, got ", inputs.size()));
  }
  const std::size_t count = inputs.size();
  Node& node = nodes_.next();
  node.operation = &operation;
  node.inputs = std::move(inputs);
  node.attributes = attributes;
  node.name = std::move(name);
  node.constant = false;
  // Nearly all operations take one or two, on which nothing is allocated.
  std::array<ValueType, 2> types;
  std::array<Tensor, 2> values;
  if (count <= types.size()) return evaluated(node, {types.data(), count}, {values.data(), count});
  std::vector<ValueType> many_types(count);
  std::vector<Tensor> many_values(count);
  return evaluated(node, many_types, many_values);
}

/// Counts a node that has operation, inputs and attributes; `types` and `values` are room for those of the inputs.
NodeId Graph::evaluated(Node& next, std::span<ValueType> types, std::span<Tensor> values) {
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Node& input = node(next.inputs[i]);
    types[i] = {input.shape, input.dtype};
    if (when_ == Evaluate::at_once) values[i] = input.value;
  }
  ValueType type = next.operation->infer(types, next.attributes);
  check_rows_lead(next.operation->name(), type.shape);
  next.shape = std::move(type.shape);
  next.dtype = type.dtype;
  next.value = when_ == Evaluate::at_once ? next.operation->forward(values, next.attributes, next.shape) : Tensor();
  return added();
}

void Graph::forget_but(std::span<NodeId* const> roots) {
  std::vector<NodeId> number(nodes_.size(), kNone);
  for (const NodeId* root : roots) number[static_cast<std::size_t>(*root)] = 0;
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    if (number[i] == kNone) continue;
    for (const NodeId input : nodes_[i].inputs) number[static_cast<std::size_t>(input)] = 0;
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (number[i] == kNone) continue;
    number[i] = static_cast<NodeId>(kept);
    for (NodeId& input : nodes_[i].inputs) input = number[static_cast<std::size_t>(input)];
    if (kept != i) nodes_[kept] = std::move(nodes_[i]);
    ++kept;
  }
  nodes_.shrink(kept);
  for (NodeId* root : roots) *root = number[static_cast<std::size_t>(*root)];
  new_bytes_ = 0;
}

void Graph::name_nodes(NodeId first, const std::string& name) {
  if (name.empty()) return;
  for (NodeId id = first; id < size(); ++id) {
    std::string& own = nodes_[static_cast<std::size_t>(id)].name;
    if (own.empty()) own = name;
  }
}

std::vector<NodeId> between(const Graph& graph, std::span<const NodeId> wrt, std::span<const NodeId> outputs, NodeId first) {
  NodeId last = kNone;
  for (const NodeId id : outputs) {
    static_cast<void>(graph.node(id));
    last = std::max(last, id);
  }
  for (const NodeId id : wrt) static_cast<void>(graph.node(id));
  // No node depends on a later one: what lies before the first of wrt does not depend on any.
  if (!wrt.empty()) first = std::max(first, *std::min_element(wrt.begin(), wrt.end()));
  if (last < first) return {};

  struct Mark {
    bool needed = false;
    bool depends = false;
  };
  std::vector<Mark> marks(static_cast<std::size_t>(last - first) + 1);
  const auto mark = [&](NodeId id) -> Mark& { return marks[static_cast<std::size_t>(id - first)]; };
  std::vector<NodeId> earlier;
  for (const NodeId id : wrt) {
    if (id < first) {
      earlier.push_back(id);
    } else if (id <= last) {
      mark(id).depends = true;
    }
  }
  for (const NodeId id : outputs) {
    if (id >= first) mark(id).needed = true;
  }
  for (NodeId id = last; id >= first; --id) {
    if (!mark(id).needed) continue;
    for (const NodeId input : graph.node(id).inputs) {
      if (input >= first) mark(input).needed = true;
    }
  }
  const auto depends = [&](NodeId input) {
    return input >= first ? mark(input).depends : std::find(earlier.begin(), earlier.end(), input) != earlier.end();
  };
  std::vector<NodeId> nodes;
  for (NodeId id = first; id <= last; ++id) {
    if (!mark(id).needed) continue;
    const Operands& inputs = graph.node(id).inputs;
    mark(id).depends = mark(id).depends || wrt.empty() || std::any_of(inputs.begin(), inputs.end(), depends);
    if (mark(id).depends) nodes.push_back(id);
  }
  return nodes;
}

}  // namespace chainrule::graph
