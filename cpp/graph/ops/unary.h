// An operation on one value, element by element, from a rule that says what is particular to it:
//   kName, kFlops (per element), run(UnaryArgs, attributes) and derivative(x, y, g, attributes) = g * f'(x) as an expression.
// The Jacobian is diagonal, so that jvp and vjp are the same expression.
#pragma once

#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/shape_rules.h"

namespace chainrule::graph {

/// What one elementary function (exp, log) costs: range reduction, a polynomial of about six fma, scaling.
inline constexpr double kElementaryFlops = 16;

template <class Rule>
class Unary final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return Rule::kName; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_floating(name(), inputs[0]);
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    const void* const x = inputs[0].raw();
    run_elements({y.dtype(), {&x, 1}, y.raw(), y.size()}, attributes);
    return y;
  }

  [[nodiscard]] bool elementwise() const noexcept override { return true; }
  void run_elements(const ElementArgs& args, const Attributes& attributes) const override {
    for_floating(args.dtype, [&]<class T>() {
      Rule::run(kernels::UnaryArgs<T>{static_cast<const T*>(args.inputs[0]), static_cast<T*>(args.y), args.n,
                                      static_cast<T>(attributes.alpha)},
                attributes);
    });
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return times_derivative(graph, self, tangents[0]);
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    return times_derivative(graph, self, cotangent);
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return Rule::kFlops * elements(inputs[0].shape);
  }

 private:
  static NodeId times_derivative(Graph& graph, NodeId self, NodeId g) {
    const Node& node = graph.node(self);
    return Rule::derivative(Expression{&graph, node.inputs[0]}, Expression{&graph, self}, Expression{&graph, g}, node.attributes)
        .id;
  }
};

}  // namespace chainrule::graph
