// cumsum along one axis (attribute `axes`), from the first element on, or from the last where attribute `reversed` says so: each
// the other's adjoint.
#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"

namespace chainrule::graph {
namespace {

class Cumsum final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "cumsum"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_floating(name(), inputs[0]);
    if (attributes.axes.size() != 1) reject(name(), "one axis", to_string(attributes.axes));
    const std::int64_t axis = normalised_axes(name(), attributes.axes, inputs[0].shape.size()).front();
    if (inputs[0].shape[static_cast<std::size_t>(axis)] == kRows) reject(name(), "an axis of known size", "that of the rows");
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    const auto axis = static_cast<std::size_t>(normalised_axes(name(), attributes.axes, shape.size()).front());
    std::size_t inner = 1;
    for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= static_cast<std::size_t>(shape[i]);
    const auto length = static_cast<std::size_t>(shape[axis]);
    Tensor y = inputs[0].clone();
    if (y.size() == 0) return y;
    const std::size_t outer = y.size() / (inner * length);
    for_floating(y.dtype(), [&]<class T>() {
      for (std::size_t i = 0; i < outer; ++i) {
        T* const block = y.data<T>() + i * length * inner;
        for (std::size_t step = 1; step < length; ++step) {
          T* const to = block + (attributes.reversed ? length - 1 - step : step) * inner;
          const T* const from = attributes.reversed ? to + inner : to - inner;
          for (std::size_t j = 0; j < inner; ++j) to[j] += from[j];
        }
      }
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return graph.apply(*this, {tangents[0]}, graph.node(self).attributes);
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    Attributes attributes = graph.node(self).attributes;
    attributes.reversed = !attributes.reversed;
    return graph.apply(*this, {cotangent}, attributes);
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return elements(inputs[0].shape);
  }
};

}  // namespace

const Operation& ops::cumsum() {
  static const Cumsum operation;
  return operation;
}

}  // namespace chainrule::graph
