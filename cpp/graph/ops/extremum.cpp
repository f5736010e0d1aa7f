// max and min over axes (all where none are given). Equal extremes share the derivative; a NaN among the elements is the result.
#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/strided.h"

namespace chainrule::graph {
namespace {

class Extremum final : public Operation {
 public:
  enum class Kind { max, min };
  explicit Extremum(Kind kind) : kind_(kind) {}

  [[nodiscard]] std::string_view name() const noexcept override { return kind_ == Kind::max ? "max" : "min"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_floating(name(), inputs[0]);
    const Shape& shape = inputs[0].shape;
    const Shape axes = normalised_axes(name(), attributes.axes, shape.size());
    for (const std::int64_t axis : axes) {
      if (shape[static_cast<std::size_t>(axis)] == 0) reject(name(), "one element or more along each axis", shape_text(shape));
    }
    return {reduced_shape(shape, axes, attributes.keepdims), inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    const Tensor& x = inputs[0];
    const Shape kept = reduced_shape(x.shape(), normalised_axes(name(), attributes.axes, x.shape().size()), true);
    Tensor y(x.dtype(), shape);
    for_floating(x.dtype(), [&]<class T>() {
      const T lowest = kind_ == Kind::max ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
      std::fill_n(y.data<T>(), y.size(), lowest);
      const Shape strides = broadcast_strides(kept, x.shape());
      const std::int64_t step = x.shape().empty() ? 0 : strides.back();
      for_each_run(x.shape(), dense_strides(x.shape()), strides, [&](std::int64_t from, std::int64_t to, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) {
          const T value = x.data<T>()[from + i];
          T& best = y.data<T>()[to + i * step];
          const bool better = kind_ == Kind::max ? value > best : value < best;
          if (better || std::isnan(value)) best = value;
        }
      });
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const Expression moved = Expression{&graph, tangents[0]} * shares(graph, self);
    const Attributes attributes = graph.node(self).attributes;
    return sum(moved, attributes.axes, attributes.keepdims).id;
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    return (kept(graph, self, {&graph, cotangent}) * shares(graph, self)).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return elements(inputs[0].shape);
  }

 private:
  /// A value of the result's shape, with the reduced axes back as 1.
  [[nodiscard]] Expression kept(Graph& graph, NodeId self, Expression value) const {
    const Node& node = graph.node(self);
    const Shape& shape = graph.node(node.inputs[0]).shape;
    return reshape(value, reduced_shape(shape, normalised_axes(name(), node.attributes.axes, shape.size()), true));
  }

  /// What part of the result's derivative each element of x has: nothing, or an equal share.
  [[nodiscard]] Expression shares(Graph& graph, NodeId self) const {
    const Expression x{&graph, graph.node(self).inputs[0]};
    const Expression is_best = apply(ops::equals(), {x, kept(graph, self, {&graph, self})});
    const Shape axes = normalised_axes(name(), graph.node(self).attributes.axes, x.shape().size());
    return is_best / sum(is_best, axes, true);
  }

  Kind kind_;
};

}  // namespace

const Operation& ops::max() {
  static const Extremum operation(Extremum::Kind::max);
  return operation;
}

const Operation& ops::min() {
  static const Extremum operation(Extremum::Kind::min);
  return operation;
}

}  // namespace chainrule::graph
