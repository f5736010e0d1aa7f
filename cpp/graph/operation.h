// What an operation is: shape rule, forward, jvp, vjp and work, together in one file of ops/. Derivative rules are written in terms
// of operations (they add nodes), so that derivatives of derivatives, and drawings of the backward phase, come for free.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "graph/graph.h"

namespace chainrule::graph {

struct ValueType {
  Shape shape;
  DType dtype = DType::float32;
};

/// Dense arrays of n elements of a floating-point type, 64-byte aligned.
struct ElementArgs {
  DType dtype;
  std::span<const void* const> inputs;
  void* y;
  std::size_t n;
};

inline constexpr int kAnyNumber = -1;

class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Attributes::alpha where the caller gives none.
  [[nodiscard]] virtual double default_alpha() const noexcept { return 0; }
  /// The number of inputs; kAnyNumber for as many as there are.
  [[nodiscard]] virtual int arity() const noexcept = 0;
  /// Shape and type of the output; shapes may lead with kRows. std::invalid_argument names operation, expected, got.
  [[nodiscard]] virtual ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const = 0;
  /// The value, of the `shape` that `infer` gave for these inputs (no kRows in it). It may share the elements of an input.
  [[nodiscard]] virtual Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const = 0;
  /// Whether element i of the output depends on elements i of the inputs only (where one has fewer, on the one that broadcasting
  /// repeats there); then run_elements gives what forward gives.
  [[nodiscard]] virtual bool elementwise() const noexcept { return false; }
  virtual void run_elements(const ElementArgs& args, const Attributes& attributes) const;
  /// The tangent of `self` from its inputs' tangents (kNone: zero; not all are).
  [[nodiscard]] virtual NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const = 0;
  /// The cotangent that goes to input number `input` of `self` when `cotangent` comes to self; kNone where it is zero.
  [[nodiscard]] virtual NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const = 0;
  /// Floating-point operations of one evaluation (an fma counts two); of one row where shapes lead with kRows.
  [[nodiscard]] virtual double flops(std::span<const ValueType> inputs, const Attributes& attributes) const = 0;
};

/// The work of one evaluation of a node: Operation::flops of its operands; 0 for what is no operation.
[[nodiscard]] double flops_of(const Graph& graph, NodeId id);

using SharedOperation = std::shared_ptr<const Operation>;

/// The operation called `name`; std::invalid_argument where there is none.
[[nodiscard]] const Operation& operation_named(std::string_view name);
/// The same for who takes others too, which somebody must own; these are never destroyed.
[[nodiscard]] inline SharedOperation shared_operation(std::string_view name) { return {SharedOperation(), &operation_named(name)}; }
/// All of them, in the order of ops/operations.inc.
[[nodiscard]] std::span<const Operation* const> all_operations();

}  // namespace chainrule::graph
