// Operations that take a second value for its shape alone, so that they work on any number of rows. In the shape of `reference`:
//   broadcast_like(x, reference)  x repeated
//   spread_like(x, reference)     x repeated, each element shared out equally among its copies (the adjoint of mean)
//   sum_like(x, reference)        x summed over the axes along which a value of the reference's shape would be repeated
#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/strided.h"

namespace chainrule::graph {
namespace {

/// What the three share: the reference has no derivative, and they are linear in x.
class Like : public Operation {
 public:
  [[nodiscard]] int arity() const noexcept final { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const final {
    require_floating(name(), inputs[0]);
    const Shape& narrow = widens() ? inputs[0].shape : inputs[1].shape;
    const Shape& wide = widens() ? inputs[1].shape : inputs[0].shape;
    if (narrow.size() > wide.size() || broadcast(name(), narrow, wide) != wide) {
      reject(name(), text("a shape that broadcasts to ", shape_text(wide)), shape_text(narrow));
    }
    return {inputs[1].shape, inputs[0].dtype};
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const final {
    return tangents[0] == kNone ? kNone : graph.apply(*this, {tangents[0], graph.node(self).inputs[1]});
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const final {
    if (input == 1) return kNone;
    return adjoint({&graph, cotangent}, {&graph, graph.node(self).inputs[0]}).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const final {
    return widens() ? 0 : elements(inputs[0].shape);
  }

 private:
  [[nodiscard]] virtual bool widens() const noexcept = 0;
  [[nodiscard]] virtual Expression adjoint(Expression g, Expression x) const = 0;
};

class BroadcastLike final : public Like {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "broadcast_like"; }
  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    return broadcast_to(inputs[0], shape);
  }

 private:
  [[nodiscard]] bool widens() const noexcept override { return true; }
  [[nodiscard]] Expression adjoint(Expression g, Expression x) const override { return unbroadcast(g, x.shape()); }
};

class SpreadLike final : public Like {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "spread_like"; }
  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    const Tensor& x = inputs[0];
    Tensor shares(x.dtype(), x.shape());
    for_floating(x.dtype(), [&]<class T>() {
      const auto copies = static_cast<T>(elements(shape) / elements(x.shape()));
      for (std::size_t i = 0; i < x.size(); ++i) shares.data<T>()[i] = x.data<T>()[i] / copies;
    });
    return broadcast_to(shares, shape);
  }

 private:
  [[nodiscard]] bool widens() const noexcept override { return true; }
  [[nodiscard]] Expression adjoint(Expression g, Expression x) const override {
    Shape axes = repeated_axes(x.shape(), g.shape());
    if (axes.empty()) return g;
    const bool same_rank = x.shape().size() == g.shape().size();
    return reshape(apply(ops::mean(), {g}, {.axes = std::move(axes), .keepdims = same_rank}), x.shape());
  }
};

class SumLike final : public Like {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "sum_like"; }
  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    const Tensor& x = inputs[0];
    if (x.shape() == shape) return x;
    Tensor y(x.dtype(), shape);
    for_floating(x.dtype(),
                 [&]<class T>() { sum_strided(x.data<T>(), y.data<T>(), broadcast_strides(shape, x.shape()), x.shape()); });
    return y;
  }

 private:
  [[nodiscard]] bool widens() const noexcept override { return false; }
  [[nodiscard]] Expression adjoint(Expression g, Expression x) const override { return broadcast_like(g, x); }
};

}  // namespace

const Operation& ops::broadcast_like() {
  static const BroadcastLike operation;
  return operation;
}

const Operation& ops::spread_like() {
  static const SpreadLike operation;
  return operation;
}

const Operation& ops::sum_like() {
  static const SumLike operation;
  return operation;
}

}  // namespace chainrule::graph
