// The same elements in another shape or order: reshape (attribute `shape`; leading rows stay leading rows) and transpose (attribute
// `axes`: y's axis i is x's axes[i]; reversed where none are given).
#include <algorithm>
#include <numeric>

#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/strided.h"

namespace chainrule::graph {
namespace {

bool leads_with_rows(const Shape& shape) { return !shape.empty() && shape.front() == kRows; }

class Reshape final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "reshape"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    const Shape& from = inputs[0].shape;
    Shape to = attributes.shape;
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] < 0 && (i != 0 || to[i] != kRows)) reject(name(), "sizes of 0 or more after leading rows", shape_text(to));
    }
    bool fits = true;
    if (leads_with_rows(to)) {
      fits = !from.empty() && elements(Shape(from.begin() + 1, from.end())) == elements(Shape(to.begin() + 1, to.end()));
      if (fits) to.front() = from.front();
    } else {
      fits = !leads_with_rows(from) && elements(from) == elements(to);
    }
    if (!fits) reject(name(), text("a shape of the size of ", shape_text(from)), shape_text(attributes.shape));
    return {std::move(to), inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    return inputs[0].reshaped(shape);
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return graph.apply(*this, {tangents[0]}, graph.node(self).attributes);
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    return reshape({&graph, cotangent}, graph.node(graph.node(self).inputs[0]).shape).id;
  }
  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

/// The permutation in full.
Shape permutation(const Shape& axes, std::size_t rank) {
  if (!axes.empty()) return axes;
  Shape reversed(rank);
  std::iota(reversed.begin(), reversed.end(), std::int64_t{0});
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

/// result[i] = values[axes[i]].
Shape permuted(const Shape& values, const Shape& axes) {
  Shape result;
  result.reserve(axes.size());
  for (const std::int64_t axis : axes) result.push_back(values[static_cast<std::size_t>(axis)]);
  return result;
}

class Transpose final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "transpose"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_floating(name(), inputs[0]);
    const std::size_t rank = inputs[0].shape.size();
    const Shape axes = permutation(attributes.axes, rank);
    Shape sorted = axes;
    std::sort(sorted.begin(), sorted.end());
    Shape all(rank);
    std::iota(all.begin(), all.end(), std::int64_t{0});
    if (sorted != all) reject(name(), text("each of ", rank, " axes once"), to_string(attributes.axes));
    return {permuted(inputs[0].shape, axes), inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    const Tensor& x = inputs[0];
    Tensor y(x.dtype(), shape);
    const Shape strides = permuted(dense_strides(x.shape()), permutation(attributes.axes, shape.size()));
    for_floating(x.dtype(), [&]<class T>() { copy_strided(x.data<T>(), strides, y.data<T>(), shape); });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return graph.apply(*this, {tangents[0]}, graph.node(self).attributes);
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    const Node& node = graph.node(self);
    const Shape axes = permutation(node.attributes.axes, node.shape.size());
    Shape inverse(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) inverse[static_cast<std::size_t>(axes[i])] = static_cast<std::int64_t>(i);
    return graph.apply(*this, {cotangent}, {.axes = std::move(inverse)});
  }

  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

}  // namespace

const Operation& ops::reshape() {
  static const Reshape operation;
  return operation;
}

const Operation& ops::transpose() {
  static const Transpose operation;
  return operation;
}

}  // namespace chainrule::graph
