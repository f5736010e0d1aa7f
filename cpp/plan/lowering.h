// From a graph to a program: which nodes fuse into one step, which kernel runs it, where its values lie.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/operation.h"
#include "plan/memory.h"
#include "plan/program.h"

namespace chainrule::plan {

template <class T>
class Lowering {
 public:
  Lowering(const graph::Graph& graph, const Request& request, Parameters<T>& store, std::size_t capacity);
  [[nodiscard]] Program<T> run();

 private:
  using NodeId = graph::NodeId;

  static std::size_t index(NodeId id) noexcept { return static_cast<std::size_t>(id); }
  [[nodiscard]] const graph::Node& node(NodeId id) const { return graph_.node(id); }
  [[nodiscard]] std::string_view name(NodeId id) const;
  [[nodiscard]] bool is_rows(NodeId id) const;
  [[nodiscard]] bool is_parameter(NodeId id) const;
  /// A parameter with an element for each column.
  [[nodiscard]] bool is_column_vector(NodeId id) const { return is_parameter(id) && node(id).shape.size() == 1; }
  [[nodiscard]] bool is_seed(NodeId id) const;
  /// The head whose target the node is; as many as there are where it is none's.
  [[nodiscard]] std::size_t head_of(NodeId target) const;
  [[nodiscard]] std::size_t columns(NodeId id) const;
  [[nodiscard]] std::size_t parameter(NodeId id) const { return store_.find(node(id).name); }
  /// The number of the sparse input that the node is; kNoInput where it is none.
  [[nodiscard]] std::size_t sparse_input(NodeId id) const;
  [[noreturn]] void unsupported(NodeId id) const;

  void find_needed();
  void define_inputs();
  /// Refuses a sparse input of which anything is made but a product with a parameter, and that parameter's gradient.
  void check_sparse(NodeId input) const;
  /// The only consumer of `id`, where it has one whose operation is called `wanted`.
  [[nodiscard]] NodeId sole_consumer(NodeId id, std::string_view wanted) const;
  Slot define(NodeId id);
  Slot use(NodeId id);
  /// The slot of `id`'s output: that of `input` where nobody reads input any more and the kernel may work in place.
  Slot define_over(NodeId id, NodeId input);
  [[nodiscard]] bool is_gradient(NodeId id) const;
  void emit(RowStep<T> step, NodeId id, const std::string& operation, double flops);
  /// Takes `id` into the step that is being made.
  NodeId absorb(NodeId id, std::string& operation);

  void lower_gradients();
  [[nodiscard]] GradientTask::Kind kind_of_gradient(NodeId id) const;
  void resolve_gradient(GradientTask& task);
  void lower(NodeId id);
  void lower_product(NodeId id);
  void lower_mask(NodeId id);
  void lower_unary(NodeId id, std::string_view operation);
  void lower_unary_backward(NodeId id, std::string_view forward);
  void lower_binary(NodeId id, std::string_view operation);
  void lower_row(NodeId id, std::string_view operation);
  void lower_row_backward(NodeId id, std::string_view forward);
  void lower_loss(NodeId id, std::string_view loss);
  void lower_function(NodeId id, const graph::RowFunction& function);
  void lower_loss_function(NodeId id, const graph::RowFunction& function, std::size_t head);
  void emit_function(NodeId id, StepKind kind, const std::shared_ptr<graph::RowRunner>& runner, NodeId out, std::size_t head);
  void lower_scale_shift(NodeId id, std::string_view first);
  void lower_repeat(NodeId id);
  void lower_standardize_columns(NodeId id);
  void lower_standardize_batch(NodeId id);
  void lower_standardize_batch_backward(NodeId id);
  void lower_columns(NodeId id, StepKind kind);
  void lower_join(NodeId id);
  void lower_embedding(NodeId id);

  const graph::Graph& graph_;
  const Request& request_;
  Parameters<T>& store_;
  const kernels::Tables& tables_;
  const kernels::KernelTable<T>& table_;
  Program<T> program_;
  MemoryPlan<T> memory_;
  std::vector<NodeId> needed_;
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<bool> absorbed_;
  std::vector<Slot> values_;
  std::vector<NodeId> gradient_nodes_;
  std::map<NodeId, std::pair<Slot, Slot>> standardized_;  // by what was standardized: its mean and variance over the batch
};

}  // namespace chainrule::plan
