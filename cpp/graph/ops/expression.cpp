#include "graph/ops/expression.h"

#include <utility>

#include "graph/ops/activation_ops.h"
#include "graph/ops/dispatch.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"

namespace chainrule::graph {

Expression apply(const Operation& operation, std::initializer_list<Expression> inputs, const Attributes& attributes) {
  Operands ids;
  ids.reserve(inputs.size());
  for (const Expression& input : inputs) ids.push_back(input.id);
  Graph& graph = *inputs.begin()->graph;
  return {&graph, graph.apply(operation, std::move(ids), attributes)};
}

Expression scalar(Graph& graph, double value) {
  Tensor tensor(graph.dtype(), {});
  for_floating(graph.dtype(), [&]<class T>() { *tensor.data<T>() = static_cast<T>(value); });
  return {&graph, graph.constant(tensor)};
}

Expression operator+(Expression a, Expression b) {
  if (a.zero()) return b;
  return b.zero() ? a : apply(ops::add(), {a, b});
}

Expression operator-(Expression a, Expression b) {
  if (b.zero()) return a;
  return a.zero() ? -b : apply(ops::subtract(), {a, b});
}

Expression operator*(Expression a, Expression b) {
  if (a.zero()) return a;
  return b.zero() ? b : apply(ops::multiply(), {a, b});
}

Expression operator/(Expression a, Expression b) { return a.zero() ? a : apply(ops::divide(), {a, b}); }
Expression operator-(Expression a) { return a.zero() ? a : apply(ops::negate(), {a}); }
Expression operator+(Expression a, double b) { return a + scalar(*a.graph, b); }
Expression operator-(Expression a, double b) { return a - scalar(*a.graph, b); }
Expression operator-(double a, Expression b) { return scalar(*b.graph, a) - b; }

Expression operator*(Expression a, double b) {
  if (a.zero() || b == 1) return a;
  if (b == -1) return -a;
  return apply(ops::scale(), {a}, {.alpha = b});
}

Expression exp(Expression x) { return apply(ops::exp(), {x}); }

Expression power(Expression x, double exponent) { return exponent == 1 ? x : apply(ops::power(), {x}, {.alpha = exponent}); }

Expression activation(kernels::Activation kind, Expression x) {
  const Operation& operation = activation_operation(kind);
  return apply(operation, {x}, {.alpha = operation.default_alpha()});
}

Expression softmax(Expression x) { return apply(ops::softmax(), {x}); }
Expression log_softmax(Expression x) { return apply(ops::log_softmax(), {x}); }
Expression exceeds(Expression a, Expression b, double tie) { return apply(ops::exceeds(), {a, b}, {.alpha = tie}); }

Expression clamp(Expression x, double low, double high) {
  const Expression above = apply(ops::maximum(), {x, scalar(*x.graph, low)});
  return apply(ops::minimum(), {above, scalar(*x.graph, high)});
}

Expression sum(Expression x, Shape axes, bool keepdims) {
  return x.zero() ? x : apply(ops::sum(), {x}, {.axes = std::move(axes), .keepdims = keepdims});
}

Expression row_sum(Expression x) { return x.zero() ? x : sum(x, {static_cast<std::int64_t>(x.shape().size()) - 1}, true); }

Expression reshape(Expression x, Shape shape) {
  if (x.zero() || x.shape() == shape) return x;
  return apply(ops::reshape(), {x}, {.shape = std::move(shape)});
}

Expression as_column(Expression x) {
  Shape shape = x.shape();
  shape.push_back(1);
  return reshape(x, std::move(shape));
}

Expression broadcast_like(Expression x, Expression reference) {
  if (x.zero() || x.shape() == reference.shape()) return x;
  return apply(ops::broadcast_like(), {x, reference});
}

Expression unbroadcast(Expression x, const Shape& shape) {
  if (x.zero() || x.shape() == shape) return x;
  Shape axes = repeated_axes(shape, x.shape());
  const bool same_rank = shape.size() == x.shape().size();
  return reshape(sum(x, std::move(axes), same_rank), shape);
}

}  // namespace chainrule::graph
