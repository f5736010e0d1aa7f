// Arithmetic on nodes, in which derivative rules are written: `g * y * (1.0 - y)` adds three nodes and returns the last.
// An expression without a node is exactly zero: sums skip it and products with it are without a node too.
#pragma once

#include "graph/graph.h"
#include "kernels/args.h"

namespace chainrule::graph {

struct Expression {
  Graph* graph = nullptr;
  NodeId id = kNone;

  [[nodiscard]] bool zero() const noexcept { return id == kNone; }
  [[nodiscard]] const Shape& shape() const { return graph->node(id).shape; }
};

/// `operation` on `inputs`, none of them zero.
[[nodiscard]] Expression apply(const Operation& operation, std::initializer_list<Expression> inputs,
                               const Attributes& attributes = {});
/// The constant `value`, of shape () and of the graph's type.
[[nodiscard]] Expression scalar(Graph& graph, double value);

[[nodiscard]] Expression operator+(Expression a, Expression b);
[[nodiscard]] Expression operator-(Expression a, Expression b);
[[nodiscard]] Expression operator*(Expression a, Expression b);
[[nodiscard]] Expression operator/(Expression a, Expression b);
[[nodiscard]] Expression operator-(Expression a);
[[nodiscard]] Expression operator+(Expression a, double b);
[[nodiscard]] Expression operator-(Expression a, double b);
[[nodiscard]] Expression operator-(double a, Expression b);
[[nodiscard]] Expression operator*(Expression a, double b);

[[nodiscard]] Expression exp(Expression x);
[[nodiscard]] Expression power(Expression x, double exponent);
[[nodiscard]] Expression activation(kernels::Activation kind, Expression x);
[[nodiscard]] Expression softmax(Expression x);
[[nodiscard]] Expression log_softmax(Expression x);
/// 1 where a > b, 0 where a < b, `tie` where they are equal.
[[nodiscard]] Expression exceeds(Expression a, Expression b, double tie);
[[nodiscard]] Expression clamp(Expression x, double low, double high);
[[nodiscard]] Expression sum(Expression x, Shape axes, bool keepdims);
/// The sum over the last axis, which stays with size 1.
[[nodiscard]] Expression row_sum(Expression x);
[[nodiscard]] Expression reshape(Expression x, Shape shape);
/// {rows} as {rows, 1}.
[[nodiscard]] Expression as_column(Expression x);
/// x broadcast to the shape of `reference`; x itself where it has it.
[[nodiscard]] Expression broadcast_like(Expression x, Expression reference);
/// The adjoint of broadcasting from `shape`: the sum over repeated axes; x itself where it has the shape.
[[nodiscard]] Expression unbroadcast(Expression x, const Shape& shape);

}  // namespace chainrule::graph
