// Which step of the row phase an operation becomes, of all but products.
#include <algorithm>

#include "plan/lowering.h"
#include "plan/named_kernels.h"

namespace chainrule::plan {

using graph::kNone;
using graph::Node;

template <class T>
void Lowering<T>::lower(NodeId id) {
  const Node& n = node(id);
  if (n.operation == nullptr || is_parameter(id)) return;  // inputs, parameters, constants
  const std::string_view operation = name(id);
  if (const auto* function = dynamic_cast<const graph::RowFunction*>(n.operation)) return lower_function(id, *function);
  if (operation == "matmul") return lower_product(id);
  if (operation == "dropout_mask") return lower_mask(id);
  if (operation == "standardize_batch") return lower_standardize_batch(id);
  if (operation == "standardize_batch_backward") return lower_standardize_batch_backward(id);
  if (operation == "standardize_columns" || operation == "standardize_columns_backward") return lower_standardize_columns(id);
  if (operation == "broadcast_like") return lower_repeat(id);
  if (operation == "slice_columns") return lower_columns(id, StepKind::slice_columns);
  if (operation == "place_columns") return lower_columns(id, StepKind::place_columns);
  if (operation == "join_columns") return lower_join(id);
  if (operation == "embedding") return lower_embedding(id);
  if (loss_kernel(table_, operation) != nullptr) return lower_loss(id, operation);
  if (unary_kernel(table_, operation) != nullptr) return lower_unary(id, operation);
  if (binary_kernel(table_, operation) != nullptr) return lower_binary(id, operation);
  if (row_kernel(table_, operation) != nullptr) return lower_row(id, operation);
  const std::string_view forward = forward_name(operation);
  if (unary_backward_kernel(table_, forward) != nullptr) return lower_unary_backward(id, forward);
  if (row_backward_kernel(table_, forward) != nullptr) return lower_row_backward(id, forward);
  if (loss_kernel(table_, forward) != nullptr) return lower_loss(id, forward);
  unsupported(id);
}

template <class T>
void Lowering<T>::lower_unary(NodeId id, std::string_view operation) {
  RowStep<T> step;
  step.kind = StepKind::unary;
  step.unary = unary_kernel(table_, operation);
  step.alpha = static_cast<T>(node(id).attributes.alpha);
  step.a = use(node(id).inputs[0]);
  step.out = define_over(id, node(id).inputs[0]);
  emit(step, id, std::string(operation), static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_unary_backward(NodeId id, std::string_view forward) {
  RowStep<T> step;
  step.kind = StepKind::unary_backward;
  step.unary_backward = unary_backward_kernel(table_, forward);
  step.alpha = static_cast<T>(node(id).attributes.alpha);
  step.a = use(node(id).inputs[0]);
  step.saved = use(node(id).inputs[1]);
  step.out = define_over(id, node(id).inputs[0]);
  emit(step, id, std::string(name(id)), static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_binary(NodeId id, std::string_view operation) {
  const Node& n = node(id);
  if (is_column_vector(n.inputs[1])) return lower_scale_shift(id, operation);
  if (!is_rows(n.inputs[0]) || !is_rows(n.inputs[1]) || columns(n.inputs[0]) != columns(n.inputs[1])) unsupported(id);
  RowStep<T> step;
  step.kind = StepKind::binary;
  step.binary = binary_kernel(table_, operation);
  step.a = use(n.inputs[0]);
  step.b = use(n.inputs[1]);
  step.out = define_over(id, n.inputs[0]);
  emit(step, id, std::string(operation), static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_row(NodeId id, std::string_view operation) {
  RowStep<T> step;
  step.kind = StepKind::row;
  step.row = row_kernel(table_, operation);
  step.alpha = static_cast<T>(node(id).attributes.alpha);
  step.a = use(node(id).inputs[0]);
  step.out = define_over(id, node(id).inputs[0]);
  emit(step, id, std::string(operation), 4.0 * static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_row_backward(NodeId id, std::string_view forward) {
  RowStep<T> step;
  step.kind = StepKind::row_backward;
  step.row_backward = row_backward_kernel(table_, forward);
  step.alpha = static_cast<T>(node(id).attributes.alpha);
  step.a = use(node(id).inputs[0]);
  step.saved = use(node(id).inputs[1]);
  step.out = define_over(id, node(id).inputs[0]);
  emit(step, id, std::string(name(id)), 4.0 * static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_mask(NodeId id) {
  RowStep<T> step;
  step.kind = StepKind::dropout_mask;
  step.alpha = static_cast<T>(node(id).attributes.alpha);
  step.key = node(id).attributes.key;
  step.out = define(id);
  emit(step, id, "dropout_mask", 0);
}

// A loss and its backward node on the same prediction and target are one step: the kernel gives both from one pass.
template <class T>
void Lowering<T>::lower_loss(NodeId id, std::string_view loss) {
  const bool backward = name(id) != loss;
  const std::size_t first = backward ? 1 : 0;
  const NodeId prediction = node(id).inputs[first];
  const NodeId target = node(id).inputs[first + 1];
  NodeId gradient = backward ? id : kNone;
  for (const NodeId other : needed_) {
    if (other == id || absorbed_[index(other)]) continue;
    if (name(other) != loss && forward_name(name(other)) != loss) continue;
    const graph::Operands& inputs = node(other).inputs;
    if (inputs[inputs.size() - 2] != prediction || inputs.back() != target) continue;
    absorbed_[index(other)] = true;
    if (name(other) != loss) gradient = other;
  }
  const std::size_t head = head_of(target);
  if (head == request_.heads.size() || (gradient != kNone && node(gradient).inputs[0] != request_.heads[head].seed))
    unsupported(id);
  RowStep<T> step;
  step.kind = StepKind::loss;
  step.loss = loss_kernel(table_, loss);
  step.alpha = static_cast<T>(node(id).attributes.alpha);
  step.head = head;
  step.a = use(prediction);
  if (program_.targets[head].columns != 0) step.b = use(target);
  if (gradient != kNone) step.out = define(gradient);
  emit(step, id, std::string(loss), 4.0 * static_cast<double>(step.a.columns));
}

template <class T>
void Lowering<T>::lower_function(NodeId id, const graph::RowFunction& function) {
  for (std::size_t head = 0; head < request_.heads.size(); ++head) {
    if (id == request_.heads[head].loss) return lower_loss_function(id, function, head);
  }
  emit_function(id, StepKind::function, function.runner(), id, 0);
}

// Like a native loss: one step with its derivative in the prediction.
template <class T>
void Lowering<T>::lower_loss_function(NodeId id, const graph::RowFunction& function, std::size_t head) {
  const graph::RowFunction* const pulled = function.derivative(graph::Mode::vjp, 0);
  const auto is_gradient = [&](NodeId other) {
    return pulled != nullptr && node(other).operation == pulled && node(other).inputs[0] == request_.heads[head].seed;
  };
  const auto gradient = std::find_if(needed_.begin(), needed_.end(), is_gradient);
  if (gradient == needed_.end()) return emit_function(id, StepKind::loss_function, function.runner(), kNone, head);
  absorbed_[index(*gradient)] = true;
  emit_function(*gradient, StepKind::loss_function, pulled->with_value(), *gradient, head);
}

template <class T>
void Lowering<T>::emit_function(NodeId id, StepKind kind, const std::shared_ptr<graph::RowRunner>& runner, NodeId out,
                                std::size_t head) {
  RowStep<T> step;
  step.kind = kind;
  step.function = runner;
  step.head = head;
  for (const NodeId input : node(id).inputs) {
    step.operands.push_back(is_seed(input) ? Slot{} : use(input));
    if (step.a.columns == 0) step.a = step.operands.back();  // what plans show, and sizes are estimated by
  }
  if (out != kNone) step.out = define(out);
  emit(std::move(step), id, std::string(name(id)), graph::flops_of(graph_, id));
}

// A product with one row of parameters and a sum with another are one step.
template <class T>
void Lowering<T>::lower_scale_shift(NodeId id, std::string_view first) {
  RowStep<T> step;
  step.kind = StepKind::scale_shift;
  step.column = table_.scale_shift;
  step.a = use(node(id).inputs[0]);
  NodeId last = id;
  std::string operation(first);
  if (first == "multiply") {
    step.weight = parameter(node(id).inputs[1]);
    const NodeId added = sole_consumer(id, "add");
    if (added != kNone && node(added).inputs[0] == id && is_column_vector(node(added).inputs[1])) {
      step.bias = parameter(node(added).inputs[1]);
      last = absorb(added, operation);
    }
  } else if (first == "add") {
    step.bias = parameter(node(id).inputs[1]);
  } else {
    unsupported(id);
  }
  step.out = last == id ? define_over(id, node(id).inputs[0]) : define(last);
  emit(step, id, operation, 2.0 * static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_repeat(NodeId id) {
  const Node& n = node(id);
  if (!is_column_vector(n.inputs[0]) || !is_rows(n.inputs[1])) unsupported(id);
  RowStep<T> step;
  step.kind = StepKind::repeat_row;
  step.weight = parameter(n.inputs[0]);
  step.out = define(id);
  emit(step, id, "repeat_row", 0);
}

template <class T>
void Lowering<T>::lower_standardize_columns(NodeId id) {
  const Node& n = node(id);
  RowStep<T> step;
  step.kind = StepKind::standardize_columns;
  step.column = table_.standardize_columns;
  step.alpha = static_cast<T>(n.attributes.alpha);
  step.a = use(n.inputs[0]);
  if (n.inputs.size() == 3) step.bias = parameter(n.inputs[1]);
  step.weight = parameter(n.inputs.back());
  step.out = define_over(id, n.inputs[0]);
  emit(step, id, std::string(name(id)), 2.0 * static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_standardize_batch(NodeId id) {
  const Node& n = node(id);
  RowStep<T> step;
  step.kind = StepKind::standardize_batch;
  step.alpha = static_cast<T>(n.attributes.alpha);
  step.a = use(n.inputs[0]);
  step.out = define_over(id, n.inputs[0]);
  step.mean = memory_.define(step.a.columns, program_.steps.size());
  step.variance = memory_.define(step.a.columns, program_.steps.size());
  memory_.keep(step.mean);
  memory_.keep(step.variance);
  program_.running.push_back({parameter(n.inputs[1]), parameter(n.inputs[2]), step.mean, step.variance, n.attributes.momentum});
  standardized_[n.inputs[0]] = {step.mean, step.variance};
  emit(step, id, "standardize_batch", 6.0 * static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_standardize_batch_backward(NodeId id) {
  const Node& n = node(id);
  const auto statistics = standardized_.find(n.inputs[1]);
  if (statistics == standardized_.end()) unsupported(id);
  RowStep<T> step;
  step.kind = StepKind::standardize_batch_backward;
  step.alpha = static_cast<T>(n.attributes.alpha);
  step.a = use(n.inputs[0]);
  step.saved = use(n.inputs[1]);
  step.mean = statistics->second.first;
  step.variance = statistics->second.second;
  step.out = define_over(id, n.inputs[0]);
  emit(step, id, "standardize_batch_backward", 12.0 * static_cast<double>(step.out.columns));
}

template <class T>
void Lowering<T>::lower_columns(NodeId id, StepKind kind) {
  RowStep<T> step;
  step.kind = kind;
  step.a = use(node(id).inputs[0]);
  step.first_column = static_cast<std::size_t>(node(id).attributes.shape[0]);
  step.out = define(id);
  emit(step, id, std::string(name(id)), 0);
}

template <class T>
void Lowering<T>::lower_join(NodeId id) {
  RowStep<T> step;
  step.kind = StepKind::join_columns;
  for (const NodeId input : node(id).inputs) step.operands.push_back(use(input));
  step.a = step.operands[0];  // what plans show
  step.out = define(id);
  emit(std::move(step), id, "join_columns", 0);
}

template <class T>
void Lowering<T>::lower_embedding(NodeId id) {
  const Node& n = node(id);
  if (!is_rows(n.inputs[0]) || !is_parameter(n.inputs[1])) unsupported(id);
  RowStep<T> step;
  step.kind = StepKind::embedding;
  step.a = use(n.inputs[0]);
  step.weight = parameter(n.inputs[1]);
  step.out = define(id);
  emit(step, id, "embedding", 0);
}

template void Lowering<float>::lower(NodeId);
template void Lowering<double>::lower(NodeId);

}  // namespace chainrule::plan
