#include "graph/ops/loss_ops.h"

#include <algorithm>
#include <array>

#include "graph/ops/dispatch.h"
#include "graph/ops/labels.h"
#include "graph/ops/loss_gradients.h"
#include "graph/ops/operations.h"
#include "graph/ops/panel_matrix.h"
#include "graph/ops/shape_rules.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

// An elementary function and a few products an element, for the loss as for its gradient.
constexpr double kLossFlops = 20;

/// Checks the prediction and that the target is labels or values as the loss takes them.
void check(std::string_view name, const LossTraits& traits, const ValueType& prediction, const ValueType& target) {
  require_floating(name, prediction);
  const Shape& shape = prediction.shape;
  if (shape.size() != 2 || shape[1] == 0) reject(name, "a prediction of shape (rows, features)", shape_text(shape));
  const Shape labels = {shape[0]};
  if (target.dtype == DType::int64) {
    if (traits.takes_labels && target.shape == labels) return;
  } else if (traits.takes_values && target.shape == shape) {
    return;
  }
  const std::string as_labels = traits.takes_labels ? text("int64 labels of shape ", shape_text(labels)) : "";
  const std::string as_values = traits.takes_values ? text(name_of(prediction.dtype), " values of shape ", shape_text(shape)) : "";
  reject(name, text("a target of ", as_labels, traits.takes_labels && traits.takes_values ? " or " : "", as_values),
         text(name_of(target.dtype), " of shape ", shape_text(target.shape)));
}

template <class T>
auto kernel(Loss loss) {
  switch (loss) {
#define CHAINRULE_LOSS(name, alpha, labels, values) \
  case Loss::name:                                  \
    return kernels::active_tables().of<T>().name##_loss;
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
  }
  throw std::invalid_argument("loss: expected one of losses.inc");
}

/// Runs the kernel on dense arrays; `seed` null for the losses alone, else `gradient` gets the gradient times the seed.
template <class T>
void run(std::string_view name, Loss loss, const Tensor& prediction, const Tensor& target, double alpha, const T* seed, T* losses,
         T* gradient) {
  const auto rows = static_cast<std::size_t>(prediction.shape()[0]);
  const auto columns = static_cast<std::size_t>(prediction.shape()[1]);
  const bool by_label = target.dtype() == DType::int64;
  const std::vector<std::int32_t> labels = by_label ? checked_labels(name, target, columns) : std::vector<std::int32_t>();
  if (rows == 0) return;
  PanelMatrix<T> values(prediction.data<T>(), rows, columns);
  const PanelMatrix<T> targets = by_label ? PanelMatrix<T>(0, 0) : PanelMatrix<T>(target.data<T>(), rows, columns);
  kernels::LossArgs<T> args{};
  args.prediction = values.view();
  if (by_label) {
    args.label = labels.data();
  } else {
    args.target = targets.view();
  }
  args.seed = seed;
  args.loss = losses;
  if (gradient != nullptr) args.gradient = values.panels();
  args.rows = rows;
  args.columns = columns;
  args.alpha = static_cast<T>(alpha);
  kernel<T>(loss)(args);
  if (gradient != nullptr) values.unpack(gradient);
}

/// The target as values: itself, or the labels' one-hot rows.
Expression values_of(Expression target, Expression prediction) {
  const bool by_label = target.graph->node(target.id).dtype == DType::int64;
  return by_label ? apply(ops::one_hot_like(), {target, prediction}) : target;
}

}  // namespace

ValueType LossOperation::infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const {
  check(name_, traits_, inputs[0], inputs[1]);
  return {{inputs[0].shape[0]}, inputs[0].dtype};
}

Tensor LossOperation::forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const {
  Tensor losses(inputs[0].dtype(), shape);
  for_floating(losses.dtype(), [&]<class T>() {
    run<T>(name_, loss(), inputs[0], inputs[1], attributes.alpha, nullptr, losses.data<T>(), nullptr);
  });
  return losses;
}

NodeId LossOperation::jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const {
  const Node& node = graph.node(self);
  const Expression prediction{&graph, node.inputs[0]};
  const Expression target{&graph, node.inputs[1]};
  const double alpha = node.attributes.alpha;
  Expression change{&graph, kNone};
  if (tangents[0] != kNone) {
    const Expression values = values_of(target, prediction);
    change = gradient_in_prediction(loss(), prediction, values, alpha) * Expression{&graph, tangents[0]};
  }
  if (tangents[1] != kNone) {
    change = change + gradient_in_target(loss(), prediction, target, alpha) * Expression{&graph, tangents[1]};
  }
  return sum(change, {1}, false).id;
}

NodeId LossOperation::vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const {
  const Node& node = graph.node(self);
  if (input == 0) return graph.apply(loss_backward(loss()), {cotangent, node.inputs[0], node.inputs[1]}, node.attributes);
  const Expression gradient = gradient_in_target(loss(), {&graph, node.inputs[0]}, {&graph, node.inputs[1]}, node.attributes.alpha);
  return (gradient.zero() ? gradient : as_column({&graph, cotangent}) * gradient).id;
}

double LossOperation::flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const {
  return kLossFlops * elements(inputs[0].shape);
}

ValueType LossBackward::infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const {
  check(name_, traits_, inputs[1], inputs[2]);
  require_floating(name_, inputs[0]);
  const Shape rows = {inputs[1].shape[0]};
  if (inputs[0].shape != rows) reject(name_, text("a cotangent of shape ", shape_text(rows)), shape_text(inputs[0].shape));
  return inputs[1];
}

Tensor LossBackward::forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const {
  Tensor gradient(inputs[1].dtype(), shape);
  for_floating(gradient.dtype(), [&]<class T>() {
    run<T>(name_, loss(), inputs[1], inputs[2], attributes.alpha, inputs[0].data<T>(), nullptr, gradient.data<T>());
  });
  return gradient;
}

double LossBackward::flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const {
  return kLossFlops * elements(inputs[1].shape);
}

Expression LossBackward::expand(Graph& graph, NodeId self) const {
  const Node& node = graph.node(self);
  const Expression prediction{&graph, node.inputs[1]};
  const Expression values = values_of({&graph, node.inputs[2]}, prediction);
  const Expression gradient = gradient_in_prediction(loss(), prediction, values, node.attributes.alpha);
  return as_column({&graph, node.inputs[0]}) * gradient;
}

#define CHAINRULE_LOSS(name, alpha, labels, values)                                              \
  const Operation& ops::name() {                                                                 \
    static const LossOperation operation(#name, {Loss::name, alpha, labels, values});            \
    return operation;                                                                            \
  }                                                                                              \
  const Operation& ops::name##_backward() {                                                      \
    static const LossBackward operation(#name "_backward", {Loss::name, alpha, labels, values}); \
    return operation;                                                                            \
  }
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS

const LossOperation& loss_operation(Loss loss) {
  switch (loss) {
#define CHAINRULE_LOSS(name, alpha, labels, values) \
  case Loss::name:                                  \
    return static_cast<const LossOperation&>(ops::name());
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
  }
  throw std::invalid_argument("loss: expected one of losses.inc");
}

const LossBackward& loss_backward(Loss loss) {
  switch (loss) {
#define CHAINRULE_LOSS(name, alpha, labels, values) \
  case Loss::name:                                  \
    return static_cast<const LossBackward&>(ops::name##_backward());
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
  }
  throw std::invalid_argument("loss: expected one of losses.inc");
}

}  // namespace chainrule::graph
