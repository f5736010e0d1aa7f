// An operation on two values, element by element with NumPy's broadcasting, from a rule that says what is particular to it:
//   kName, run(BinaryArgs, alpha), and of_a(nodes, g), of_b(nodes, g): g * df/da and g * df/db as expressions.
// The Jacobians are diagonal up to broadcasting: jvp and vjp share the expressions, and vjp sums over what was repeated.
#pragma once

#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/strided.h"

namespace chainrule::graph {

/// The operands and the result, from which a rule makes its derivatives.
struct BinaryNodes {
  Expression a;
  Expression b;
  Expression y;
};

template <class Rule>
class Binary final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return Rule::kName; }
  [[nodiscard]] int arity() const noexcept override { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    for (const ValueType& input : inputs) require_floating(name(), input);
    return {broadcast(name(), inputs[0].shape, inputs[1].shape), inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    if (inputs[0].shape() == shape && inputs[1].shape() == shape) return of_equal_shapes(inputs[0], inputs[1], attributes);
    return of_equal_shapes(broadcast_to(inputs[0], shape), broadcast_to(inputs[1], shape), attributes);
  }

  [[nodiscard]] bool elementwise() const noexcept override { return true; }
  void run_elements(const ElementArgs& args, const Attributes& attributes) const override {
    for_floating(args.dtype, [&]<class T>() {
      Rule::run(kernels::BinaryArgs<T>{static_cast<const T*>(args.inputs[0]), static_cast<const T*>(args.inputs[1]),
                                       static_cast<T*>(args.y), args.n},
                static_cast<T>(attributes.alpha));
    });
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const BinaryNodes nodes = nodes_of(graph, self);
    Expression tangent{&graph, kNone};
    if (tangents[0] != kNone) tangent = Rule::of_a(nodes, {&graph, tangents[0]});
    if (tangents[1] != kNone) tangent = tangent + Rule::of_b(nodes, {&graph, tangents[1]});
    return broadcast_like(tangent, nodes.y).id;
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    const BinaryNodes nodes = nodes_of(graph, self);
    const Expression g{&graph, cotangent};
    return input == 0 ? unbroadcast(Rule::of_a(nodes, g), nodes.a.shape()).id
                      : unbroadcast(Rule::of_b(nodes, g), nodes.b.shape()).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return elements(broadcast(name(), inputs[0].shape, inputs[1].shape));
  }

 private:
  [[nodiscard]] Tensor of_equal_shapes(const Tensor& a, const Tensor& b, const Attributes& attributes) const {
    Tensor y(a.dtype(), a.shape());
    const void* const operands[] = {a.raw(), b.raw()};
    run_elements({y.dtype(), operands, y.raw(), y.size()}, attributes);
    return y;
  }

  static BinaryNodes nodes_of(Graph& graph, NodeId self) {
    const Node& node = graph.node(self);
    return {{&graph, node.inputs[0]}, {&graph, node.inputs[1]}, {&graph, self}};
  }
};

}  // namespace chainrule::graph
