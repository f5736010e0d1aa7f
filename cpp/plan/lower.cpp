// From a graph to a program: which nodes fuse into one step, which kernel runs it, where its values lie.
#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "graph/operation.h"
#include "plan/memory.h"
#include "plan/named_kernels.h"
#include "plan/program.h"

namespace chainrule::plan {
namespace {

using graph::Graph;
using graph::kNone;
using graph::kRows;
using graph::Node;
using graph::NodeId;
using kernels::Epilogue;
using kernels::KernelTable;

template <class T>
class Lowering {
 public:
  Lowering(const Graph& graph, const Request& request, Parameters<T>& store, std::size_t capacity)
      : graph_(graph), request_(request), store_(store), tables_(kernels::active_tables()), table_(tables_.of<T>()) {
    program_.capacity = capacity;
    program_.stride = kernels::panel_stride<T>(capacity);
    program_.tables = &tables_;
    program_.table = &table_;
  }

  Program<T> run() {
    find_needed();
    program_.input = define(request_.input);
    if (request_.target != kNone && graph_.node(request_.target).dtype == graph_.dtype()) program_.target = define(request_.target);
    lower_gradients();
    for (const NodeId id : needed_) {
      if (!absorbed_[index(id)]) lower(id);
    }
    program_.output = use(request_.output);
    memory_.keep(program_.output);
    for (GradientTask& task : program_.gradients) resolve_gradient(task);
    program_.workspace = memory_.place(program_);
    return std::move(program_);
  }

 private:
  static std::size_t index(NodeId id) noexcept { return static_cast<std::size_t>(id); }
  [[nodiscard]] const Node& node(NodeId id) const { return graph_.node(id); }
  [[nodiscard]] std::string_view name(NodeId id) const {
    return node(id).operation == nullptr ? std::string_view() : node(id).operation->name();
  }
  [[nodiscard]] bool is_rows(NodeId id) const { return !node(id).shape.empty() && node(id).shape[0] == kRows; }
  [[nodiscard]] bool is_parameter(NodeId id) const {
    return std::find(graph_.parameters().begin(), graph_.parameters().end(), id) != graph_.parameters().end();
  }
  [[nodiscard]] std::size_t columns(NodeId id) const {
    return node(id).shape.size() < 2 ? 1 : static_cast<std::size_t>(node(id).shape[1]);
  }
  [[nodiscard]] std::size_t parameter(NodeId id) const { return store_.find(node(id).name); }

  [[noreturn]] void unsupported(NodeId id) const {
    throw std::invalid_argument(text("plan: expected operations that work row by row, got ", name(id), " of shape ",
                                     to_string(node(id).shape), node(id).name.empty() ? "" : " in layer ", node(id).name));
  }

  void find_needed() {
    std::vector<NodeId> outputs = {request_.output};
    if (request_.loss != kNone) outputs.push_back(request_.loss);
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

  /// The only consumer of `id`, where it has one whose operation is called `wanted`.
  [[nodiscard]] NodeId sole_consumer(NodeId id, std::string_view wanted) const {
    const std::vector<NodeId>& consumers = consumers_[index(id)];
    return consumers.size() == 1 && consumers[0] != kNone && name(consumers[0]) == wanted ? consumers[0] : kNone;
  }

  Slot define(NodeId id) {
    const Slot slot = memory_.define(columns(id), program_.steps.size());
    values_[index(id)] = slot;
    return slot;
  }
  Slot use(NodeId id) {
    const Slot slot = values_[index(id)];
    if (slot.columns == 0) unsupported(id);
    memory_.use(slot, program_.steps.size());
    return slot;
  }
  /// The slot of `id`'s output: that of `input` where nobody reads input any more and the kernel may work in place.
  Slot define_over(NodeId id, NodeId input) {
    const std::vector<NodeId>& consumers = consumers_[index(input)];
    const bool last =
        std::all_of(consumers.begin(), consumers.end(), [&](NodeId c) { return c != kNone && c <= id && !is_gradient(c); });
    if (!last || columns(input) != columns(id) || input == request_.input || input == request_.target) return define(id);
    return values_[index(id)] = use(input);
  }

  [[nodiscard]] bool is_gradient(NodeId id) const {
    return std::find(gradient_nodes_.begin(), gradient_nodes_.end(), id) != gradient_nodes_.end();
  }

  void emit(RowStep<T> step, NodeId id, const std::string& operation, double flops) {
    step.operation = operation;
    step.layer = node(id).name;
    step.flops_per_row = flops;
    program_.steps.push_back(std::move(step));
  }

  // Gradients are products and sums over rows: they belong to the parameter phase and need their operands until then.
  void lower_gradients() {
    for (std::size_t i = 0; i < request_.gradients.size(); ++i) {
      const NodeId id = request_.gradients[i];
      if (id == kNone) continue;
      const Node& gradient = node(id);
      const bool product = name(id) == "matmul" && gradient.attributes.transpose_a && !gradient.attributes.transpose_b &&
                           is_rows(gradient.inputs[0]) && is_rows(gradient.inputs[1]);
      const bool sum = name(id) == "sum" && gradient.attributes.axes == Shape{0} && is_rows(gradient.inputs[0]);
      if (!product && !sum) unsupported(id);
      absorbed_[index(id)] = true;
      program_.gradients.push_back({parameter(request_.parameters[i]), {}, {}});
      gradient_nodes_.push_back(id);
    }
  }

  void resolve_gradient(GradientTask& task) {
    const Node& gradient = node(gradient_nodes_[static_cast<std::size_t>(&task - program_.gradients.data())]);
    task.dz = use(gradient.inputs.back());
    memory_.keep(task.dz);
    if (gradient.inputs.size() == 2) {
      task.x = use(gradient.inputs[0]);
      memory_.keep(task.x);
      // (x^T dz)^T = dz^T x, with the same chains: a product does not mind the order of its factors.
      if (store_[task.parameter].transposed_is_master) std::swap(task.x, task.dz);
    }
  }

  void lower(NodeId id) {
    const Node& n = node(id);
    if (n.operation == nullptr || is_parameter(id)) return;  // inputs, parameters, constants
    const std::string_view operation = name(id);
    if (const auto* function = dynamic_cast<const graph::RowFunction*>(n.operation)) return lower_function(id, *function);
    if (operation == "matmul") return lower_product(id);
    if (operation == "dropout_mask") return lower_mask(id);
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

  void lower_product(NodeId id) {
    const Node& n = node(id);
    const NodeId x = n.inputs[0];
    const NodeId w = n.inputs[1];
    if (!is_rows(x) || !is_parameter(w) || n.attributes.transpose_a) unsupported(id);
    RowStep<T> step;
    step.a = use(x);
    step.weight = parameter(w);
    NodeId last = id;
    std::string operation = "matmul";
    if (n.attributes.transpose_b) {
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
      step.kind = StepKind::dense;
      step.gemm = table_.gemm_forward;
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
    emit(step, id, operation, 2.0 * static_cast<double>(step.a.columns) * static_cast<double>(step.out.columns));
  }

  NodeId absorb(NodeId id, std::string& operation) {
    absorbed_[index(id)] = true;
    operation += "+" + std::string(name(id));
    return id;
  }

  void lower_mask(NodeId id) {
    RowStep<T> step;
    step.kind = StepKind::dropout_mask;
    step.alpha = static_cast<T>(node(id).attributes.alpha);
    step.key = node(id).attributes.key;
    step.out = define(id);
    emit(step, id, "dropout_mask", 0);
  }

  void lower_unary(NodeId id, std::string_view operation) {
    RowStep<T> step;
    step.kind = StepKind::unary;
    step.unary = unary_kernel(table_, operation);
    step.alpha = static_cast<T>(node(id).attributes.alpha);
    step.a = use(node(id).inputs[0]);
    step.out = define_over(id, node(id).inputs[0]);
    emit(step, id, std::string(operation), static_cast<double>(step.out.columns));
  }

  void lower_unary_backward(NodeId id, std::string_view forward) {
    RowStep<T> step;
    step.kind = StepKind::unary_backward;
    step.unary_backward = unary_backward_kernel(table_, forward);
    step.alpha = static_cast<T>(node(id).attributes.alpha);
    step.a = use(node(id).inputs[0]);
    step.saved = use(node(id).inputs[1]);
    step.out = define_over(id, node(id).inputs[0]);
    emit(step, id, std::string(name(id)), static_cast<double>(step.out.columns));
  }

  void lower_binary(NodeId id, std::string_view operation) {
    const Node& n = node(id);
    if (!is_rows(n.inputs[0]) || !is_rows(n.inputs[1]) || columns(n.inputs[0]) != columns(n.inputs[1])) unsupported(id);
    RowStep<T> step;
    step.kind = StepKind::binary;
    step.binary = binary_kernel(table_, operation);
    step.a = use(n.inputs[0]);
    step.b = use(n.inputs[1]);
    step.out = define_over(id, n.inputs[0]);
    emit(step, id, std::string(operation), static_cast<double>(step.out.columns));
  }

  void lower_row(NodeId id, std::string_view operation) {
    RowStep<T> step;
    step.kind = StepKind::row;
    step.row = row_kernel(table_, operation);
    step.a = use(node(id).inputs[0]);
    step.out = define_over(id, node(id).inputs[0]);
    emit(step, id, std::string(operation), 4.0 * static_cast<double>(step.out.columns));
  }

  void lower_row_backward(NodeId id, std::string_view forward) {
    RowStep<T> step;
    step.kind = StepKind::row_backward;
    step.row_backward = row_backward_kernel(table_, forward);
    step.a = use(node(id).inputs[0]);
    step.saved = use(node(id).inputs[1]);
    step.out = define_over(id, node(id).inputs[0]);
    emit(step, id, std::string(name(id)), 4.0 * static_cast<double>(step.out.columns));
  }

  // A loss and its backward node on the same prediction and target are one step: the kernel gives both from one pass.
  void lower_loss(NodeId id, std::string_view loss) {
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
    if (target != request_.target || (gradient != kNone && node(gradient).inputs[0] != request_.seed)) unsupported(id);
    RowStep<T> step;
    step.kind = StepKind::loss;
    step.loss = loss_kernel(table_, loss);
    step.alpha = static_cast<T>(node(id).attributes.alpha);
    step.a = use(prediction);
    if (program_.target.columns != 0) step.b = use(target);
    if (gradient != kNone) step.out = define(gradient);
    emit(step, id, std::string(loss), 4.0 * static_cast<double>(step.a.columns));
  }

  void lower_function(NodeId id, const graph::RowFunction& function) {
    if (id == request_.loss) return lower_loss_function(id, function);
    emit_function(id, StepKind::function, function.runner(), id);
  }

  // Like a native loss: one step with its derivative in the prediction.
  void lower_loss_function(NodeId id, const graph::RowFunction& function) {
    const graph::RowFunction* const pulled = function.derivative(graph::Mode::vjp, 0);
    const auto is_gradient = [&](NodeId other) {
      return pulled != nullptr && node(other).operation == pulled && node(other).inputs[0] == request_.seed;
    };
    const auto gradient = std::find_if(needed_.begin(), needed_.end(), is_gradient);
    if (gradient == needed_.end()) return emit_function(id, StepKind::loss_function, function.runner(), kNone);
    absorbed_[index(*gradient)] = true;
    emit_function(*gradient, StepKind::loss_function, pulled->with_value(), *gradient);
  }

  void emit_function(NodeId id, StepKind kind, const std::shared_ptr<graph::RowRunner>& runner, NodeId out) {
    RowStep<T> step;
    step.kind = kind;
    step.function = runner;
    for (const NodeId input : node(id).inputs) {
      step.operands.push_back(input == request_.seed ? Slot{} : use(input));
      if (step.a.columns == 0) step.a = step.operands.back();  // what plans show, and sizes are estimated by
    }
    if (out != kNone) step.out = define(out);
    emit(std::move(step), id, std::string(name(id)), graph::flops_of(graph_, id));
  }

  const Graph& graph_;
  const Request& request_;
  Parameters<T>& store_;
  const kernels::Tables& tables_;
  const KernelTable<T>& table_;
  Program<T> program_;
  MemoryPlan<T> memory_;
  std::vector<NodeId> needed_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<bool> absorbed_;
  std::vector<Slot> values_;
  std::vector<NodeId> gradient_nodes_;
};

}  // namespace

template <class T>
Program<T> make_program(const Graph& graph, const Request& request, Parameters<T>& store, std::size_t capacity) {
  return Lowering<T>(graph, request, store, capacity).run();
}

template Program<float> make_program(const Graph&, const Request&, Parameters<float>&, std::size_t);
template Program<double> make_program(const Graph&, const Request&, Parameters<double>&, std::size_t);

}  // namespace chainrule::plan
