// Activations y = f(x), element by element, and their fused backward operations gx = g f'(x), from activations.inc. The classes are
// public so that a planner can tell which kernel a node is.
#pragma once

#include "graph/operation.h"
#include "kernels/args.h"

namespace chainrule::graph {

/// What the backward operation reads: the activation's input or its output, as activations.inc says.
[[nodiscard]] bool saves_output(kernels::Activation activation) noexcept;

/// What both have in common; `dynamic_cast` to the classes below tells them apart.
class ActivationFamily : public Operation {
 public:
  ActivationFamily(std::string_view name, kernels::Activation activation, double default_alpha)
      : name_(name), default_alpha_(default_alpha), activation_(activation) {}

  [[nodiscard]] kernels::Activation activation() const noexcept { return activation_; }
  [[nodiscard]] std::string_view name() const noexcept final { return name_; }
  [[nodiscard]] double default_alpha() const noexcept final { return default_alpha_; }
  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const final;
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& attributes) const final;

 private:
  std::string_view name_;
  double default_alpha_;
  kernels::Activation activation_;
};

/// f(x).
class ActivationOperation final : public ActivationFamily {
 public:
  using ActivationFamily::ActivationFamily;
  [[nodiscard]] int arity() const noexcept override { return 1; }
  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override;
  [[nodiscard]] bool elementwise() const noexcept override { return activation() != kernels::Activation::linear; }
  void run_elements(const ElementArgs& args, const Attributes& attributes) const override;
  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override;
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override;
};

/// <name>_backward(g, saved).
class ActivationBackward final : public ActivationFamily {
 public:
  using ActivationFamily::ActivationFamily;
  [[nodiscard]] int arity() const noexcept override { return 2; }
  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override;
  [[nodiscard]] bool elementwise() const noexcept override { return activation() != kernels::Activation::linear; }
  void run_elements(const ElementArgs& args, const Attributes& attributes) const override;
  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override;
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override;
};

[[nodiscard]] const ActivationOperation& activation_operation(kernels::Activation activation);
[[nodiscard]] const ActivationBackward& activation_backward(kernels::Activation activation);

}  // namespace chainrule::graph
