// Losses, one number for each row, and their fused backward operations, from losses.inc:
//   <name>(prediction {rows, n}, target) -> {rows}; the target is int64 {rows} labels or values {rows, n}, as losses.inc allows
//   <name>_backward(g {rows}, prediction, target) -> {rows, n}: g_i times the gradient of row i in its prediction
// The classes are public so that a planner can tell which kernel a node is.
#pragma once

#include "graph/ops/composite.h"

namespace chainrule::graph {

/// In the order of losses.inc.
enum class Loss : std::uint8_t {
#define CHAINRULE_LOSS(name, alpha, labels, values) name,
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
};

/// A row of losses.inc.
struct LossTraits {
  Loss loss;
  double default_alpha;
  bool takes_labels;
  bool takes_values;
};

class LossOperation final : public Operation {
 public:
  LossOperation(std::string_view name, const LossTraits& traits) : name_(name), traits_(traits) {}

  [[nodiscard]] Loss loss() const noexcept { return traits_.loss; }
  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] double default_alpha() const noexcept override { return traits_.default_alpha; }
  [[nodiscard]] int arity() const noexcept override { return 2; }
  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override;
  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override;
  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override;
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override;
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& attributes) const override;

 private:
  std::string_view name_;
  LossTraits traits_;
};

class LossBackward final : public Composite {
 public:
  LossBackward(std::string_view name, const LossTraits& traits) : name_(name), traits_(traits) {}

  [[nodiscard]] Loss loss() const noexcept { return traits_.loss; }
  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] double default_alpha() const noexcept override { return traits_.default_alpha; }
  [[nodiscard]] int arity() const noexcept override { return 3; }
  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override;
  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override;
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& attributes) const override;

 private:
  [[nodiscard]] Expression expand(Graph& graph, NodeId self) const override;

  std::string_view name_;
  LossTraits traits_;
};

[[nodiscard]] const LossOperation& loss_operation(Loss loss);
[[nodiscard]] const LossBackward& loss_backward(Loss loss);

}  // namespace chainrule::graph
