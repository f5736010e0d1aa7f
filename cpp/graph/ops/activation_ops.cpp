#include "graph/ops/activation_ops.h"

#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/slope_derivative.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

using kernels::Activation;
using kernels::active_tables;

// About one exponential and a division; relu and its kin cost less, and no decision hangs on that.
constexpr double kActivationFlops = 20;

enum Saved : bool { x = false, y = true };

template <class T>
auto forward_kernel(Activation activation) {
  switch (activation) {
#define CHAINRULE_ACTIVATION(name, saved, alpha) \
  case Activation::name:                         \
    return active_tables().of<T>().name##_forward;
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
  }
  throw std::invalid_argument("activation: expected one of activations.inc");
}

template <class T>
auto backward_kernel(Activation activation) {
  switch (activation) {
#define CHAINRULE_ACTIVATION(name, saved, alpha) \
  case Activation::name:                         \
    return active_tables().of<T>().name##_backward;
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
  }
  throw std::invalid_argument("activation: expected one of activations.inc");
}

/// backward(g, saved) for the activation, or g itself where it is the identity.
NodeId backward(Graph& graph, Activation activation, NodeId g, NodeId saved, const Attributes& attributes) {
  return activation == Activation::linear ? g : graph.apply(activation_backward(activation), {g, saved}, attributes);
}

}  // namespace

bool saves_output(Activation activation) noexcept {
  switch (activation) {
#define CHAINRULE_ACTIVATION(name, saved, alpha) \
  case Activation::name:                         \
    return Saved::saved == Saved::y;
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
  }
  return true;
}

ValueType ActivationFamily::infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const {
  for (const ValueType& input : inputs) require_floating(name(), input);
  if (inputs.back().shape != inputs.front().shape) {
    reject(name(), "two equal shapes", text(shape_text(inputs.front().shape), " and ", shape_text(inputs.back().shape)));
  }
  return inputs[0];
}

double ActivationFamily::flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const {
  return activation_ == Activation::linear ? 0 : kActivationFlops * elements(inputs[0].shape);
}

Tensor ActivationOperation::forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const {
  if (activation() == Activation::linear) return inputs[0];
  Tensor y(inputs[0].dtype(), shape);
  const void* const x = inputs[0].raw();
  run_elements({y.dtype(), {&x, 1}, y.raw(), y.size()}, attributes);
  return y;
}

void ActivationOperation::run_elements(const ElementArgs& args, const Attributes& attributes) const {
  for_floating(args.dtype, [&]<class T>() {
    forward_kernel<T>(activation())(
        {static_cast<const T*>(args.inputs[0]), static_cast<T*>(args.y), args.n, static_cast<T>(attributes.alpha)});
  });
}

NodeId ActivationOperation::jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const {
  return vjp(graph, self, tangents[0], 0);  // the Jacobian is diagonal
}

NodeId ActivationOperation::vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const {
  const Node& node = graph.node(self);
  return backward(graph, activation(), cotangent, saves_output(activation()) ? self : node.inputs[0], node.attributes);
}

Tensor ActivationBackward::forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const {
  if (activation() == Activation::linear) return inputs[0];
  Tensor gx(inputs[0].dtype(), shape);
  const void* const operands[] = {inputs[0].raw(), inputs[1].raw()};
  run_elements({gx.dtype(), operands, gx.raw(), gx.size()}, attributes);
  return gx;
}

void ActivationBackward::run_elements(const ElementArgs& args, const Attributes& attributes) const {
  for_floating(args.dtype, [&]<class T>() {
    backward_kernel<T>(activation())({static_cast<const T*>(args.inputs[0]), static_cast<const T*>(args.inputs[1]),
                                      static_cast<T*>(args.y), args.n, static_cast<T>(attributes.alpha)});
  });
}

NodeId ActivationBackward::jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const {
  Expression tangent{&graph, kNone};
  for (int input = 0; input < 2; ++input) {
    const NodeId moved = tangents[static_cast<std::size_t>(input)];
    if (moved != kNone) tangent = tangent + Expression{&graph, vjp(graph, self, moved, input)};
  }
  return tangent.id;
}

NodeId ActivationBackward::vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const {
  const Node& node = graph.node(self);
  if (input == 0) return backward(graph, activation(), cotangent, node.inputs[1], node.attributes);
  const Expression change = slope_derivative(activation(), {&graph, node.inputs[1]});
  if (change.zero()) return kNone;
  return (Expression{&graph, cotangent} * Expression{&graph, node.inputs[0]} * change).id;
}

#define CHAINRULE_ACTIVATION(name, saved, alpha)                                                    \
  const Operation& ops::name() {                                                                    \
    static const ActivationOperation operation(#name, kernels::Activation::name, alpha);            \
    return operation;                                                                               \
  }                                                                                                 \
  const Operation& ops::name##_backward() {                                                         \
    static const ActivationBackward operation(#name "_backward", kernels::Activation::name, alpha); \
    return operation;                                                                               \
  }
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION

const ActivationOperation& activation_operation(Activation activation) {
  switch (activation) {
#define CHAINRULE_ACTIVATION(name, saved, alpha) \
  case Activation::name:                         \
    return static_cast<const ActivationOperation&>(ops::name());
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
  }
  throw std::invalid_argument("activation: expected one of activations.inc");
}

const ActivationBackward& activation_backward(Activation activation) {
  switch (activation) {
#define CHAINRULE_ACTIVATION(name, saved, alpha) \
  case Activation::name:                         \
    return static_cast<const ActivationBackward&>(ops::name##_backward());
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
  }
  throw std::invalid_argument("activation: expected one of activations.inc");
}

}  // namespace chainrule::graph
