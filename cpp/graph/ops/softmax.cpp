// softmax and its logarithm over the last axis: s_j = e^{x_j} / sum_k e^{x_k}. With s = softmax(x), y = log s:
//   softmax_backward(g, s)     = s (g - sum_k g_k s_k)      J = diag(s) - s s^T, symmetric: the jvp too
//   log_softmax_backward(g, y) = g - e^y sum_k g_k          J = I - 1 s^T: the jvp is t - sum_k s_k t_k
#include "graph/ops/composite.h"
#include "graph/ops/dispatch.h"
#include "graph/ops/operations.h"
#include "graph/ops/panel_matrix.h"
#include "graph/ops/shape_rules.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

using kernels::active_tables;

// An exponential and a few sums and products an element; backward: two products, a sum, a difference.
constexpr double kSoftmaxFlops = 20;
constexpr double kSoftmaxBackwardFlops = 4;

/// Calls run(rows, columns) unless there is nothing to do.
template <class Run>
void by_rows(const Tensor& x, Run&& run) {
  if (x.size() == 0) return;
  const auto columns = static_cast<std::size_t>(x.shape().back());
  run(x.size() / columns, columns);
}

void require_rows(std::string_view operation, const ValueType& x) {
  require_floating(operation, x);
  if (x.shape.empty() || x.shape.back() == kRows) reject(operation, "a last axis of features", shape_text(x.shape));
}

struct Softmax {
  static constexpr std::string_view kName = "softmax";
  template <class T>
  static void run(const kernels::RowArgs<T>& args) {
    active_tables().of<T>().softmax_forward(args);
  }
  static Expression tangent(Expression dx, Expression y) { return apply(ops::softmax_backward(), {dx, y}); }
  static Expression cotangent(Expression g, Expression y) { return apply(ops::softmax_backward(), {g, y}); }
};

struct LogSoftmax {
  static constexpr std::string_view kName = "log_softmax";
  template <class T>
  static void run(const kernels::RowArgs<T>& args) {
    active_tables().of<T>().log_softmax_forward(args);
  }
  static Expression tangent(Expression dx, Expression y) { return dx - row_sum(dx * exp(y)); }
  static Expression cotangent(Expression g, Expression y) { return apply(ops::log_softmax_backward(), {g, y}); }
};

template <class Rule>
class RowFunction final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return Rule::kName; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_rows(name(), inputs[0]);
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    by_rows(y, [&](std::size_t rows, std::size_t columns) {
      for_floating(y.dtype(), [&]<class T>() {
        PanelMatrix<T> values(inputs[0].data<T>(), rows, columns);
        Rule::run(kernels::RowArgs<T>{values.view(), values.panels(), rows, columns});
        values.unpack(y.data<T>());
      });
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return Rule::tangent({&graph, tangents[0]}, {&graph, self}).id;
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    return Rule::cotangent({&graph, cotangent}, {&graph, self}).id;
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return kSoftmaxFlops * elements(inputs[0].shape);
  }
};

struct SoftmaxBackward {
  static constexpr std::string_view kName = "softmax_backward";
  template <class T>
  static void run(const kernels::RowBackwardArgs<T>& args) {
    active_tables().of<T>().softmax_backward(args);
  }
  static Expression expand(Expression g, Expression y) { return y * (g - row_sum(g * y)); }
  static Expression adjoint(Expression c, Expression y) { return Softmax::tangent(c, y); }
};

struct LogSoftmaxBackward {
  static constexpr std::string_view kName = "log_softmax_backward";
  template <class T>
  static void run(const kernels::RowBackwardArgs<T>& args) {
    active_tables().of<T>().log_softmax_backward(args);
  }
  static Expression expand(Expression g, Expression y) { return g - exp(y) * row_sum(g); }
  static Expression adjoint(Expression c, Expression y) { return LogSoftmax::tangent(c, y); }
};

template <class Rule>
class RowFunctionBackward final : public Composite {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return Rule::kName; }
  [[nodiscard]] int arity() const noexcept override { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    for (const ValueType& input : inputs) require_rows(name(), input);
    if (inputs[0].shape != inputs[1].shape) {
      reject(name(), "two equal shapes", text(shape_text(inputs[0].shape), " and ", shape_text(inputs[1].shape)));
    }
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    Tensor gx(inputs[0].dtype(), shape);
    by_rows(gx, [&](std::size_t rows, std::size_t columns) {
      for_floating(gx.dtype(), [&]<class T>() {
        PanelMatrix<T> g(inputs[0].data<T>(), rows, columns);
        const PanelMatrix<T> y(inputs[1].data<T>(), rows, columns);
        Rule::run(kernels::RowBackwardArgs<T>{g.view(), y.view(), g.panels(), rows, columns});
        g.unpack(gx.data<T>());
      });
    });
    return gx;
  }

  /// The operation is J^T g: what comes back to g is the forward function's jvp, which is shorter than the expansion's derivative.
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    const Operands& inputs = graph.node(self).inputs;
    if (input == 1 || inputs[0] == inputs[1]) return Composite::vjp(graph, self, cotangent, input);
    return Rule::adjoint({&graph, cotangent}, {&graph, inputs[1]}).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return kSoftmaxBackwardFlops * elements(inputs[0].shape);
  }

 private:
  [[nodiscard]] Expression expand(Graph& graph, NodeId self) const override {
    const Node& node = graph.node(self);
    return Rule::expand({&graph, node.inputs[0]}, {&graph, node.inputs[1]});
  }
};

}  // namespace

const Operation& ops::softmax() {
  static const RowFunction<Softmax> operation;
  return operation;
}

const Operation& ops::softmax_backward() {
  static const RowFunctionBackward<SoftmaxBackward> operation;
  return operation;
}

const Operation& ops::log_softmax() {
  static const RowFunction<LogSoftmax> operation;
  return operation;
}

const Operation& ops::log_softmax_backward() {
  static const RowFunctionBackward<LogSoftmaxBackward> operation;
  return operation;
}

}  // namespace chainrule::graph
