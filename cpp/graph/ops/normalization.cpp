// Normalisation with epsilon e = alpha; scale and shift are operations of their own.
//   standardize(x)                    u = (x - m) r over the last axis: m = mean x, v = mean (x - m)^2, r = 1 / sqrt(v + e)
//   standardize_batch(x, m', v')      the same over the rows, for each column; training moves m' and v' towards m and v
//   (attributes'
//                                     momentum), which the value does not depend on
//   <each>_backward(g, x)             r (g - mean g - u mean(g u)), the Jacobian times g: it is symmetric, so the jvp too
//   standardize_columns(x, m', v')    (x - m') / sqrt(v' + e), with statistics that are constants: no derivative goes to them
//   standardize_columns_backward(g, v')   g / sqrt(v' + e)
#include "graph/ops/composite.h"
#include "graph/ops/dispatch.h"
#include "graph/ops/operations.h"
#include "graph/ops/panel_matrix.h"
#include "graph/ops/shape_rules.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

using kernels::active_tables;
using kernels::panel_count;

// Two sums, a root, a difference and a product an element, and as much again for the gradient's sums.
constexpr double kFlops = 6;
constexpr double kBackwardFlops = 12;

void require_matrix(std::string_view operation, const ValueType& x) {
  require_floating(operation, x);
  if (x.shape.size() != 2 || x.shape[1] == kRows) reject(operation, "shape (rows, features)", shape_text(x.shape));
}

void require_statistics(std::string_view operation, const ValueType& x, const ValueType& statistic) {
  require_floating(operation, statistic);
  if (statistic.shape != Shape{x.shape[1]})
    reject(operation, text("statistics of ", x.shape[1], " columns"), shape_text(statistic.shape));
}

Expression mean(Expression x, std::int64_t axis) { return apply(ops::mean(), {x}, {.axes = {axis}, .keepdims = true}); }

/// What standardizing along an axis is made of.
struct Moments {
  Expression deviation;
  Expression inverse;
  Moments(Expression x, std::int64_t axis, double epsilon)
      : deviation(x - mean(x, axis)), inverse(power(mean(deviation * deviation, axis) + epsilon, -0.5)) {}
};

struct ByRow {
  static constexpr std::string_view kName = "standardize";
  static constexpr std::string_view kBackwardName = "standardize_backward";
  static constexpr int kArity = 1;
  static constexpr std::int64_t kAxis = 1;
  static const Operation& backward() { return ops::standardize_backward(); }
  template <class T>
  static void run(kernels::Panels<T> x, std::size_t rows, std::size_t columns, T epsilon) {
    active_tables().of<T>().standardize_forward({{x.data, x.stride}, x, rows, columns, epsilon});
  }
  template <class T>
  static void run_backward(kernels::Panels<T> g, kernels::Panels<const T> x, std::size_t rows, std::size_t columns, T epsilon) {
    active_tables().of<T>().standardize_backward({{g.data, g.stride}, x, g, rows, columns, epsilon});
  }
};

struct ByBatch {
  static constexpr std::string_view kName = "standardize_batch";
  static constexpr std::string_view kBackwardName = "standardize_batch_backward";
  static constexpr int kArity = 3;
  static constexpr std::int64_t kAxis = 0;
  static const Operation& backward() { return ops::standardize_batch_backward(); }
  template <class T>
  static void run(kernels::Panels<T> x, std::size_t rows, std::size_t columns, T epsilon) {
    PanelMatrix<T> mean(1, columns);
    PanelMatrix<T> variance(1, columns);
    active_tables().of<T>().standardize_batch_forward(
        {{x.data, x.stride}, x, mean.panels(), variance.panels(), rows, panel_count<T>(columns), epsilon});
  }
  template <class T>
  static void run_backward(kernels::Panels<T> g, kernels::Panels<const T> x, std::size_t rows, std::size_t columns, T epsilon) {
    PanelMatrix<T> mean(1, columns);
    PanelMatrix<T> variance(1, columns);
    PanelMatrix<T> standardized(rows, columns);
    const std::size_t panels = panel_count<T>(columns);
    const auto& table = active_tables().of<T>();
    table.standardize_batch_forward({x, standardized.panels(), mean.panels(), variance.panels(), rows, panels, epsilon});
    table.standardize_batch_backward({{g.data, g.stride}, x, mean.view(), variance.view(), g, rows, panels, epsilon});
  }
};

template <class Rule>
class Standardize final : public Composite {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return Rule::kName; }
  [[nodiscard]] int arity() const noexcept override { return Rule::kArity; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_matrix(name(), inputs[0]);
    for (const ValueType& statistic : inputs.subspan(1)) require_statistics(name(), inputs[0], statistic);
    if (!(attributes.alpha >= 0)) reject(name(), "epsilon of at least 0", attributes.alpha);
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    if (y.size() == 0) return y;
    for_floating(y.dtype(), [&]<class T>() {
      const auto rows = static_cast<std::size_t>(shape[0]);
      const auto columns = static_cast<std::size_t>(shape[1]);
      PanelMatrix<T> values(inputs[0].data<T>(), rows, columns);
      Rule::run(values.panels(), rows, columns, static_cast<T>(attributes.alpha));
      values.unpack(y.data<T>());
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return tangents[0] == kNone ? kNone : times_jacobian(graph, self, tangents[0]);
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    return input == 0 ? times_jacobian(graph, self, cotangent) : kNone;
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return kFlops * elements(inputs[0].shape);
  }

 private:
  [[nodiscard]] static NodeId times_jacobian(Graph& graph, NodeId self, NodeId g) {
    const Node& node = graph.node(self);
    return graph.apply(Rule::backward(), {g, node.inputs[0]}, {.alpha = node.attributes.alpha}, node.name);
  }
  [[nodiscard]] Expression expand(Graph& graph, NodeId self) const override {
    const Node& node = graph.node(self);
    const Moments of({&graph, node.inputs[0]}, Rule::kAxis, node.attributes.alpha);
    return of.deviation * of.inverse;
  }
};

template <class Rule>
class StandardizeBackward final : public Composite {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return Rule::kBackwardName; }
  [[nodiscard]] int arity() const noexcept override { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    for (const ValueType& input : inputs) require_matrix(name(), input);
    if (inputs[0].shape != inputs[1].shape) {
      reject(name(), "two equal shapes", text(shape_text(inputs[0].shape), " and ", shape_text(inputs[1].shape)));
    }
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor gx(inputs[0].dtype(), shape);
    if (gx.size() == 0) return gx;
    for_floating(gx.dtype(), [&]<class T>() {
      const auto rows = static_cast<std::size_t>(shape[0]);
      const auto columns = static_cast<std::size_t>(shape[1]);
      PanelMatrix<T> g(inputs[0].data<T>(), rows, columns);
      const PanelMatrix<T> x(inputs[1].data<T>(), rows, columns);
      Rule::run_backward(g.panels(), x.view(), rows, columns, static_cast<T>(attributes.alpha));
      g.unpack(gx.data<T>());
    });
    return gx;
  }

  /// Linear in g, by a symmetric matrix.
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    const Node& node = graph.node(self);
    if (input == 1 || node.inputs[0] == node.inputs[1]) return Composite::vjp(graph, self, cotangent, input);
    return graph.apply(*this, {cotangent, node.inputs[1]}, node.attributes);
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return kBackwardFlops * elements(inputs[0].shape);
  }

 private:
  [[nodiscard]] Expression expand(Graph& graph, NodeId self) const override {
    const Node& node = graph.node(self);
    const Expression g{&graph, node.inputs[0]};
    const Moments of({&graph, node.inputs[1]}, Rule::kAxis, node.attributes.alpha);
    const Expression u = of.deviation * of.inverse;
    return of.inverse * (g - mean(g, Rule::kAxis) - u * mean(g * u, Rule::kAxis));
  }
};

/// y = (x - m') / sqrt(v' + e), and without m' the same for tangents and cotangents.
class StandardizeColumns final : public Operation {
 public:
  explicit StandardizeColumns(bool centred) : centred_(centred) {}
  [[nodiscard]] std::string_view name() const noexcept override {
    return centred_ ? "standardize_columns" : "standardize_columns_backward";
  }
  [[nodiscard]] int arity() const noexcept override { return centred_ ? 3 : 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_matrix(name(), inputs[0]);
    for (const ValueType& statistic : inputs.subspan(1)) require_statistics(name(), inputs[0], statistic);
    if (!(attributes.alpha >= 0)) reject(name(), "epsilon of at least 0", attributes.alpha);
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    if (y.size() == 0) return y;
    for_floating(y.dtype(), [&]<class T>() {
      const auto rows = static_cast<std::size_t>(shape[0]);
      const auto columns = static_cast<std::size_t>(shape[1]);
      PanelMatrix<T> x(inputs[0].data<T>(), rows, columns);
      const PanelMatrix<T> variance(inputs.back().data<T>(), 1, columns);
      const auto run = [&](kernels::Panels<const T> mean) {
        active_tables().of<T>().standardize_columns(
            {x.view(), mean, variance.view(), x.panels(), rows, panel_count<T>(columns), static_cast<T>(attributes.alpha)});
      };
      if (centred_) {
        const PanelMatrix<T> mean(inputs[1].data<T>(), 1, columns);
        run(mean.view());
      } else {
        run({});
      }
      x.unpack(y.data<T>());
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return tangents[0] == kNone ? kNone : scaled(graph, self, tangents[0]);
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    return input == 0 ? scaled(graph, self, cotangent) : kNone;
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return 2 * elements(inputs[0].shape);
  }

 private:
  [[nodiscard]] static NodeId scaled(Graph& graph, NodeId self, NodeId g) {
    const Node& node = graph.node(self);
    return graph.apply(ops::standardize_columns_backward(), {g, node.inputs.back()}, node.attributes, node.name);
  }

  bool centred_;
};

}  // namespace

const Operation& ops::standardize() {
  static const Standardize<ByRow> operation;
  return operation;
}

const Operation& ops::standardize_backward() {
  static const StandardizeBackward<ByRow> operation;
  return operation;
}

const Operation& ops::standardize_batch() {
  static const Standardize<ByBatch> operation;
  return operation;
}

const Operation& ops::standardize_batch_backward() {
  static const StandardizeBackward<ByBatch> operation;
  return operation;
}

const Operation& ops::standardize_columns() {
  static const StandardizeColumns operation(true);
  return operation;
}

const Operation& ops::standardize_columns_backward() {
  static const StandardizeColumns operation(false);
  return operation;
}

}  // namespace chainrule::graph
