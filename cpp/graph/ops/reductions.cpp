// sum and mean over axes (all where none are given): y = sum of x, each a chain of additions in ascending order of the reduced
// indices from +0; the mean divides that by their number.
#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/strided.h"

namespace chainrule::graph {
namespace {

class Reduction final : public Operation {
 public:
  enum class Kind { sum, mean };
  explicit Reduction(Kind kind) : kind_(kind) {}

  [[nodiscard]] std::string_view name() const noexcept override { return kind_ == Kind::sum ? "sum" : "mean"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_floating(name(), inputs[0]);
    const Shape axes = normalised_axes(name(), attributes.axes, inputs[0].shape.size());
    return {reduced_shape(inputs[0].shape, axes, attributes.keepdims), inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    const Tensor& x = inputs[0];
    const Shape kept = reduced_shape(x.shape(), normalised_axes(name(), attributes.axes, x.shape().size()), true);
    Tensor y(x.dtype(), shape);
    for_floating(x.dtype(), [&]<class T>() {
      sum_strided(x.data<T>(), y.data<T>(), broadcast_strides(kept, x.shape()), x.shape());
      if (kind_ == Kind::sum) return;
      const T count = static_cast<T>(static_cast<double>(x.size()) / static_cast<double>(y.size()));
      for (std::size_t i = 0; i < y.size(); ++i) y.data<T>()[i] /= count;
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return graph.apply(*this, {tangents[0]}, graph.node(self).attributes);
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    const Node& node = graph.node(self);
    const Expression x{&graph, node.inputs[0]};
    const Shape axes = normalised_axes(name(), node.attributes.axes, x.shape().size());
    Expression g{&graph, cotangent};
    // Broadcasting puts leading axes back by itself; others have to be there with size 1.
    const bool leading = axes.empty() || axes.back() == static_cast<std::int64_t>(axes.size()) - 1;
    if (!node.attributes.keepdims && !leading) g = reshape(g, reduced_shape(x.shape(), axes, true));
    return (kind_ == Kind::sum ? broadcast_like(g, x) : apply(ops::spread_like(), {g, x})).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return elements(inputs[0].shape);
  }

 private:
  Kind kind_;
};

}  // namespace

const Operation& ops::sum() {
  static const Reduction operation(Reduction::Kind::sum);
  return operation;
}

const Operation& ops::mean() {
  static const Reduction operation(Reduction::Kind::mean);
  return operation;
}

}  // namespace chainrule::graph
