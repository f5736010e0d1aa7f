// Elements picked out and put back, which is what every kind of indexing comes down to:
//   gather(x, index)                    y[i] = x[index[i]], of the index's shape; x counted in row-major order
//   scatter_like(g, index, reference)   y[index[i]] += g[i] from zeros in the reference's shape: the adjoint of gather
//   concatenate(a, b, ...)              the elements of all inputs, one after the other, of shape {total}
//   where(c, a, b)                      a where c is not 0, b elsewhere, with broadcasting
#include <algorithm>
#include <numeric>

#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/strided.h"

namespace chainrule::graph {
namespace {

bool has_rows(const Shape& shape) { return !shape.empty() && shape.front() == kRows; }

void require_known(std::string_view operation, const Shape& shape) {
  if (has_rows(shape)) reject(operation, "a shape that is known in full", shape_text(shape));
}

void require_index(std::string_view operation, const ValueType& index) {
  if (index.dtype != DType::int64) throw TypeError(text(operation, ": expected indices of int64, got ", name_of(index.dtype)));
}

/// The indices, each from 0 below `size`; std::out_of_range for the first that is not.
const std::int64_t* checked_index(std::string_view operation, const Tensor& index, std::size_t size) {
  const std::int64_t* const data = index.data<std::int64_t>();
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (data[i] < 0 || static_cast<std::size_t>(data[i]) >= size) {
      throw std::out_of_range(text(operation, ": expected indices from 0 below ", size, ", got ", data[i]));
    }
  }
  return data;
}

class Gather final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "gather"; }
  [[nodiscard]] int arity() const noexcept override { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_floating(name(), inputs[0]);
    require_index(name(), inputs[1]);
    require_known(name(), inputs[0].shape);
    return {inputs[1].shape, inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    const std::int64_t* const index = checked_index(name(), inputs[1], inputs[0].size());
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      const T* const x = inputs[0].data<T>();
      for (std::size_t i = 0; i < y.size(); ++i) y.data<T>()[i] = x[index[i]];
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return graph.apply(*this, {tangents[0], graph.node(self).inputs[1]});
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    if (input == 1) return kNone;
    const Operands& inputs = graph.node(self).inputs;
    return graph.apply(ops::scatter_like(), {cotangent, inputs[1], inputs[0]});
  }
  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

class ScatterLike final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "scatter_like"; }
  [[nodiscard]] int arity() const noexcept override { return 3; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_floating(name(), inputs[0]);
    require_index(name(), inputs[1]);
    require_known(name(), inputs[2].shape);
    if (inputs[0].shape != inputs[1].shape) {
      reject(name(), text("as many values as indices, ", shape_text(inputs[1].shape)), shape_text(inputs[0].shape));
    }
    return {inputs[2].shape, inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    const std::int64_t* const index = checked_index(name(), inputs[1], y.size());
    for_floating(y.dtype(), [&]<class T>() {
      const T* const g = inputs[0].data<T>();
      for (std::size_t i = 0; i < inputs[0].size(); ++i) y.data<T>()[index[i]] += g[i];
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    if (tangents[0] == kNone) return kNone;
    const Operands& inputs = graph.node(self).inputs;
    return graph.apply(*this, {tangents[0], inputs[1], inputs[2]});
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    return input == 0 ? graph.apply(ops::gather(), {cotangent, graph.node(self).inputs[1]}) : kNone;
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return elements(inputs[0].shape);
  }
};

class Concatenate final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "concatenate"; }
  [[nodiscard]] int arity() const noexcept override { return kAnyNumber; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    if (inputs.empty()) reject(name(), "one input or more", "none");
    std::int64_t total = 0;
    for (const ValueType& input : inputs) {
      require_floating(name(), input);
      require_known(name(), input.shape);
      total += static_cast<std::int64_t>(element_count(input.shape));
    }
    return {{total}, inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      T* to = y.data<T>();
      for (const Tensor& input : inputs) to = std::copy_n(input.data<T>(), input.size(), to);
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const Operands inputs = graph.node(self).inputs;
    Operands all(tangents.begin(), tangents.end());
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i] == kNone) all[i] = graph.constant(Tensor(graph.dtype(), graph.node(inputs[i]).shape));
    }
    return graph.apply(*this, std::move(all));
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    const Operands& inputs = graph.node(self).inputs;
    std::size_t before = 0;
    for (int i = 0; i < input; ++i) before += element_count(graph.node(inputs[static_cast<std::size_t>(i)]).shape);
    Tensor index(DType::int64, graph.node(inputs[static_cast<std::size_t>(input)]).shape);
    std::iota(index.data<std::int64_t>(), index.data<std::int64_t>() + index.size(), static_cast<std::int64_t>(before));
    return graph.apply(ops::gather(), {cotangent, graph.constant(index)});
  }

  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

class Where final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "where"; }
  [[nodiscard]] int arity() const noexcept override { return 3; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_floating(name(), inputs[1]);
    require_floating(name(), inputs[2]);
    return {broadcast(name(), inputs[0].shape, broadcast(name(), inputs[1].shape, inputs[2].shape)), inputs[1].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    const Tensor a = broadcast_to(inputs[1], shape);
    const Tensor b = broadcast_to(inputs[2], shape);
    Tensor y(a.dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      const auto choose = [&]<class C>(const C* condition) {
        const T* const from_a = a.data<T>();
        const T* const from_b = b.data<T>();
        T* const to = y.data<T>();
        const Shape strides = broadcast_strides(inputs[0].shape(), shape);
        const std::int64_t step = shape.empty() ? 0 : strides.back();
        for_each_run(shape, strides, dense_strides(shape), [&](std::int64_t from, std::int64_t at, std::int64_t n) {
          for (std::int64_t i = 0; i < n; ++i) {
            to[at + i] = condition[from + i * step] != C{0} ? from_a[at + i] : from_b[at + i];
          }
        });
      };
      if (inputs[0].dtype() == DType::int64) {
        choose(inputs[0].data<std::int64_t>());
      } else {
        choose(inputs[0].data<T>());
      }
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    if (tangents[1] == kNone && tangents[2] == kNone) return kNone;
    const Expression y{&graph, self};
    const auto tangent = [&](NodeId id) { return id == kNone ? scalar(graph, 0) : Expression{&graph, id}; };
    const Expression condition{&graph, graph.node(self).inputs[0]};
    return broadcast_like(apply(*this, {condition, tangent(tangents[1]), tangent(tangents[2])}), y).id;
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    if (input == 0) return kNone;
    const Operands inputs = graph.node(self).inputs;
    const Expression condition{&graph, inputs[0]};
    const Expression g{&graph, cotangent};
    const Expression none = scalar(graph, 0);
    const Expression mine = input == 1 ? apply(*this, {condition, g, none}) : apply(*this, {condition, none, g});
    return unbroadcast(mine, graph.node(inputs[static_cast<std::size_t>(input)]).shape).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

}  // namespace

const Operation& ops::gather() {
  static const Gather operation;
  return operation;
}

const Operation& ops::scatter_like() {
  static const ScatterLike operation;
  return operation;
}

const Operation& ops::concatenate() {
  static const Concatenate operation;
  return operation;
}

const Operation& ops::where() {
  static const Where operation;
  return operation;
}

}  // namespace chainrule::graph
