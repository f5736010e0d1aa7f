// What a graph needs, its products and its gradients.
#include "plan/lowering.h"

#include <algorithm>

#include "base/error.h"

namespace chainrule::plan {

using graph::Graph;
using graph::kNone;
using graph::kRows;
using graph::Node;
using graph::NodeId;
using kernels::Epilogue;

template <class T>
Lowering<T>::Lowering(const Graph& graph, const Request& request, Parameters<T>& store, std::size_t capacity)
    : graph_(graph), request_(request), store_(store), tables_(kernels::active_tables()), table_(tables_.of<T>()) {
  program_.capacity = capacity;
  program_.stride = kernels::panel_stride<T>(capacity);
  program_.tables = &tables_;
  program_.table = &table_;
}

template <class T>
Program<T> Lowering<T>::run() {
  find_needed();
  define_inputs();
  for (const Head& head : request_.heads) {
    const bool values = graph_.node(head.target).dtype == graph_.dtype();
    program_.targets.push_back(values ? define(head.target) : Slot{});
  }
  lower_gradients();
  for (const NodeId id : needed_) {
    if (!absorbed_[index(id)]) lower(id);
  }
  for (const NodeId output : request_.outputs) {
    program_.outputs.push_back(use(output));
    memory_.keep(program_.outputs.back());
  }
  for (GradientTask& task : program_.gradients) resolve_gradient(task);
  program_.workspace = memory_.place(program_);
  return std::move(program_);
}

template <class T>
std::string_view Lowering<T>::name(NodeId id) const {
  return node(id).operation == nullptr ? std::string_view() : node(id).operation->name();
}

template <class T>
bool Lowering<T>::is_rows(NodeId id) const {
  return !node(id).shape.empty() && node(id).shape[0] == kRows;
}

template <class T>
bool Lowering<T>::is_parameter(NodeId id) const {
  return std::find(graph_.parameters().begin(), graph_.parameters().end(), id) != graph_.parameters().end();
}

template <class T>
bool Lowering<T>::is_seed(NodeId id) const {
  return std::any_of(request_.heads.begin(), request_.heads.end(), [&](const Head& head) { return head.seed == id; });
}

template <class T>
std::size_t Lowering<T>::head_of(NodeId target) const {
  const auto is_its = [&](const Head& head) { return head.target == target; };
  return static_cast<std::size_t>(std::find_if(request_.heads.begin(), request_.heads.end(), is_its) - request_.heads.begin());
}

template <class T>
std::size_t Lowering<T>::columns(NodeId id) const {
  return node(id).shape.size() < 2 ? 1 : static_cast<std::size_t>(node(id).shape[1]);
}

template <class T>
std::size_t Lowering<T>::sparse_input(NodeId id) const {
  for (std::size_t i = 0; i < request_.sparse.size(); ++i) {
    if (request_.sparse[i] && request_.inputs[i] == id) return i;
  }
  return kNoInput;
}

template <class T>
void Lowering<T>::define_inputs() {
  for (const NodeId input : request_.inputs) {
    program_.features.push_back(columns(input));
    if (sparse_input(input) == kNoInput) {
      program_.inputs.push_back(define(input));
    } else {
      check_sparse(input);
      program_.inputs.emplace_back();
    }
  }
}

template <class T>
void Lowering<T>::check_sparse(NodeId input) const {
  for (const NodeId id : consumers_[index(input)]) {
    if (id == kNone) {
      throw std::invalid_argument(text("model: expected a dense ", node(input).name, ", which is an output, got a sparse one"));
    }
    const Node& consumer = node(id);
    const graph::Attributes& attributes = consumer.attributes;
    const bool product = name(id) == "matmul" && consumer.inputs[0] == input && consumer.inputs[1] != input;
    const bool forward = product && !attributes.transpose_a && !attributes.transpose_b && is_parameter(consumer.inputs[1]);
    const bool gradient = product && attributes.transpose_a && !attributes.transpose_b && is_rows(consumer.inputs[1]);
    if (forward || gradient) continue;
    const std::string& layer = consumer.name;
    throw std::invalid_argument(
        text(layer.empty() ? std::string(name(id)) : layer,
             ": expected a dense x, got a sparse one, which only Dense layers take; make it dense with x.toarray()"));
  }
}

template <class T>
void Lowering<T>::unsupported(NodeId id) const {
  throw std::invalid_argument(text("plan: expected operations that work row by row, got ", name(id), " of shape ",
                                   to_string(node(id).shape), node(id).name.empty() ? "" : " in layer ", node(id).name));
}

template <class T>
void Lowering<T>::find_needed() {
  std::vector<NodeId> outputs = request_.outputs;
  for (const Head& head : request_.heads) {
    if (head.loss != kNone) outputs.push_back(head.loss);
  }
  for (const NodeId gradient : request_.gradients) {
    if (gradient != kNone) outputs.push_back(gradient);
  }
  needed_ = graph::between(graph_, {}, outputs);
  consumers_.resize(index(graph_.size()));
  absorbed_.resize(index(graph_.size()));
  values_.resize(index(graph_.size()));
  for (const NodeId id : needed_) {
    for (const NodeId input : node(id).inputs) consumers_[index(input)].push_back(id);
  }
  for (const NodeId output : outputs) consumers_[index(output)].push_back(kNone);  // wanted for itself: never fused away
}

template <class T>
NodeId Lowering<T>::sole_consumer(NodeId id, std::string_view wanted) const {
  const std::vector<NodeId>& consumers = consumers_[index(id)];
  return consumers.size() == 1 && consumers[0] != kNone && name(consumers[0]) == wanted ? consumers[0] : kNone;
}

template <class T>
Slot Lowering<T>::define(NodeId id) {
  const Slot slot = memory_.define(columns(id), program_.steps.size());
  values_[index(id)] = slot;
  return slot;
}

template <class T>
Slot Lowering<T>::use(NodeId id) {
  const Slot slot = values_[index(id)];
  if (slot.columns == 0) unsupported(id);
  memory_.use(slot, program_.steps.size());
  return slot;
}

template <class T>
Slot Lowering<T>::define_over(NodeId id, NodeId input) {
  const std::vector<NodeId>& consumers = consumers_[index(input)];
  const bool last =
      std::all_of(consumers.begin(), consumers.end(), [&](NodeId c) { return c != kNone && c <= id && !is_gradient(c); });
  if (!last || columns(input) != columns(id) || graph_.node(input).operation == nullptr) return define(id);
  return values_[index(id)] = use(input);
}

template <class T>
bool Lowering<T>::is_gradient(NodeId id) const {
  return std::find(gradient_nodes_.begin(), gradient_nodes_.end(), id) != gradient_nodes_.end();
}

template <class T>
void Lowering<T>::emit(RowStep<T> step, NodeId id, const std::string& operation, double flops) {
  step.operation = operation;
  step.layer = node(id).name;
  step.label = profile::label(step.operation, step.layer, chainrule::name_of(kDType<T>));
  step.flops_per_row = flops;
  std::size_t values = step.a.columns + step.b.columns + step.saved.columns + step.out.columns;
  for (const Slot operand : step.operands) values += operand.columns;
  if (!step.operands.empty()) values -= step.a.columns;  // one of them
  step.bytes_per_row = static_cast<double>(values * sizeof(T));
  for (const std::size_t read : {step.weight, step.bias}) {
    if (read == kNoParameter || step.kind == StepKind::embedding) continue;
    step.bytes_of_parameters += static_cast<double>(store_[read].rows * store_[read].columns * sizeof(T));
  }
  if (takes_whole_batch(step.kind)) program_.whole_batch.push_back(program_.steps.size());
  program_.steps.push_back(std::move(step));
}

template <class T>
NodeId Lowering<T>::absorb(NodeId id, std::string& operation) {
  absorbed_[index(id)] = true;
  operation += "+" + std::string(name(id));
  return id;
}

// Gradients are products and sums over rows: they belong to the parameter phase and need their operands until then.
template <class T>
void Lowering<T>::lower_gradients() {
  for (std::size_t i = 0; i < request_.gradients.size(); ++i) {
    const NodeId id = request_.gradients[i];
    if (id == kNone) continue;
    GradientTask& task = program_.gradients.emplace_back();
    task.parameter = parameter(request_.parameters[i]);
    task.kind = kind_of_gradient(id);
    task.layer = node(id).name;
    const std::string gradient = name_of(task.kind);
    const auto label = [&](const std::string& operation) {
      return profile::label(operation, task.layer, chainrule::name_of(kDType<T>));
    };
    task.labels = {label(gradient), label("update"), label(gradient + "+update")};
    absorbed_[index(id)] = true;
    gradient_nodes_.push_back(id);
  }
}

template <class T>
GradientTask::Kind Lowering<T>::kind_of_gradient(NodeId id) const {
  const Node& gradient = node(id);
  const graph::Attributes& attributes = gradient.attributes;
  if (name(id) == "matmul" && attributes.transpose_a && !attributes.transpose_b && is_rows(gradient.inputs[0]) &&
      is_rows(gradient.inputs[1])) {
    return sparse_input(gradient.inputs[0]) == kNoInput ? GradientTask::Kind::product : GradientTask::Kind::sparse;
  }
  if (name(id) == "sum" && attributes.axes == Shape{0} && is_rows(gradient.inputs[0])) return GradientTask::Kind::sum;
  if (name(id) == "embedding_gradient" && is_rows(gradient.inputs[1])) return GradientTask::Kind::embedding;
  unsupported(id);
}

template <class T>
void Lowering<T>::resolve_gradient(GradientTask& task) {
  const Node& gradient = node(gradient_nodes_[static_cast<std::size_t>(&task - program_.gradients.data())]);
  const auto kept = [&](NodeId id) {
    const Slot slot = use(id);
    memory_.keep(slot);
    return slot;
  };
  switch (task.kind) {
    case GradientTask::Kind::sparse:
      task.dz = kept(gradient.inputs[1]);
      task.input = sparse_input(gradient.inputs[0]);
      break;
    case GradientTask::Kind::product:
      task.x = kept(gradient.inputs[0]);
      task.dz = kept(gradient.inputs[1]);
      // (x^T dz)^T = dz^T x, with the same chains: a product does not mind the order of its factors.
      if (store_[task.parameter].transposed_is_master) std::swap(task.x, task.dz);
      break;
    case GradientTask::Kind::sum:
      task.dz = kept(gradient.inputs[0]);
      break;
    case GradientTask::Kind::embedding:
      task.dz = kept(gradient.inputs[0]);
      task.x = kept(gradient.inputs[1]);
      break;
  }
}

template <class T>
void Lowering<T>::lower_product(NodeId id) {
  const Node& n = node(id);
  const NodeId x = n.inputs[0];
  const NodeId w = n.inputs[1];
  if (!is_rows(x) || !is_parameter(w) || n.attributes.transpose_a) unsupported(id);
  RowStep<T> step;
  step.input = sparse_input(x);
  const bool sparse = step.input != kNoInput;
  if (!sparse) step.a = use(x);
  step.weight = parameter(w);
  NodeId last = id;
  std::string operation = sparse ? "sparse_matmul" : "matmul";
  if (n.attributes.transpose_b) {
    operation = "input_gradient";
    step.kind = StepKind::input_gradient;
    step.gemm = table_.gemm_input_gradient;
    store_.keep_transposed(step.weight);
    const NodeId masked = sole_consumer(id, "relu_backward");
    if (masked != kNone && node(masked).inputs[0] == id) {
      step.epilogue = Epilogue::relu_backward;
      step.saved = use(node(masked).inputs[1]);
      last = absorb(masked, operation);
    }
  } else {
    step.kind = sparse ? StepKind::sparse_dense : StepKind::dense;
    if (sparse) {
      step.sparse = table_.sparse_forward;
    } else {
      step.gemm = table_.gemm_forward;
    }
    const NodeId added = sole_consumer(id, "add");
    if (added != kNone && node(added).inputs[0] == id && is_parameter(node(added).inputs[1])) {
      step.bias = parameter(node(added).inputs[1]);
      last = absorb(added, operation);
    }
    const NodeId rectified = sole_consumer(last, "relu");
    if (rectified != kNone) {
      step.epilogue = Epilogue::relu;
      last = absorb(rectified, operation);
    }
  }
  step.out = define(last);
  emit(step, id, operation, 2.0 * static_cast<double>(sparse ? 1 : step.a.columns) * static_cast<double>(step.out.columns));
}

template <class T>
Program<T> make_program(const Graph& graph, const Request& request, Parameters<T>& store, std::size_t capacity) {
  return Lowering<T>(graph, request, store, capacity).run();
}

template class Lowering<float>;
template class Lowering<double>;
template Program<float> make_program(const Graph&, const Request&, Parameters<float>&, std::size_t);
template Program<double> make_program(const Graph&, const Request&, Parameters<double>&, std::size_t);

}  // namespace chainrule::plan
