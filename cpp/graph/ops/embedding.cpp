// Rows of a table (n, d) looked up by numbers, which stand as values in the columns of a matrix x (rows, c):
//   embedding(x, table)               (rows, c d): for each column, the row of the table that it names
//   embedding_gradient(g, x, table)   (n, d): to each row of the table, the parts of g that were looked up there, added in the
//                                     order of rows, then of columns
// The second is the first's adjoint in the table; nothing flows to x.
#include "graph/ops/dispatch.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"

namespace chainrule::graph {
namespace {

void require_lookup(std::string_view operation, const ValueType& x, const ValueType& table) {
  require_floating(operation, x);
  require_floating(operation, table);
  if (x.shape.size() != 2 || x.shape[1] == kRows) reject(operation, "numbers of shape (rows, columns)", shape_text(x.shape));
  if (table.shape.size() != 2 || table.shape[0] == kRows) reject(operation, "a table of shape (n, d)", shape_text(table.shape));
}

/// The row that a value names; std::out_of_range where there is none.
template <class T>
std::size_t row_of(std::string_view operation, T value, std::int64_t rows) {
  if (!(value >= 0 && value < static_cast<T>(rows)) || value != static_cast<T>(static_cast<std::int64_t>(value))) {
    throw std::out_of_range(text(operation, ": expected whole numbers from 0 below ", rows, ", got ", value));
  }
  return static_cast<std::size_t>(value);
}

class Embedding final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "embedding"; }
  [[nodiscard]] int arity() const noexcept override { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_lookup(name(), inputs[0], inputs[1]);
    return {{inputs[0].shape[0], inputs[0].shape[1] * inputs[1].shape[1]}, inputs[1].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    Tensor y(inputs[1].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      const auto width = static_cast<std::size_t>(inputs[1].shape()[1]);
      for (std::size_t i = 0; i < inputs[0].size(); ++i) {
        const std::size_t row = row_of(name(), inputs[0].data<T>()[i], inputs[1].shape()[0]);
        std::copy_n(inputs[1].data<T>() + row * width, width, y.data<T>() + i * width);
      }
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return tangents[1] == kNone ? kNone : graph.apply(*this, {graph.node(self).inputs[0], tangents[1]});
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    if (input == 0) return kNone;
    const Node& node = graph.node(self);
    return graph.apply(ops::embedding_gradient(), {cotangent, node.inputs[0], node.inputs[1]}, {}, node.name);
  }
  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

class EmbeddingGradient final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "embedding_gradient"; }
  [[nodiscard]] int arity() const noexcept override { return 3; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_lookup(name(), inputs[1], inputs[2]);
    const Shape expected = {inputs[1].shape[0], inputs[1].shape[1] * inputs[2].shape[1]};
    if (inputs[0].shape != expected)
      reject(name(), text("a cotangent of shape ", shape_text(expected)), shape_text(inputs[0].shape));
    return {inputs[2].shape, inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      const auto width = static_cast<std::size_t>(shape[1]);
      for (std::size_t i = 0; i < inputs[1].size(); ++i) {
        T* const to = y.data<T>() + row_of(name(), inputs[1].data<T>()[i], shape[0]) * width;
        const T* const g = inputs[0].data<T>() + i * width;
        for (std::size_t j = 0; j < width; ++j) to[j] += g[j];
      }
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    if (tangents[0] == kNone) return kNone;
    const Node& node = graph.node(self);
    return graph.apply(*this, {tangents[0], node.inputs[1], node.inputs[2]});
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    return input == 0 ? graph.apply(ops::embedding(), {graph.node(self).inputs[1], cotangent}) : kNone;
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return elements(inputs[0].shape);
  }
};

}  // namespace

const Operation& ops::embedding() {
  static const Embedding operation;
  return operation;
}

const Operation& ops::embedding_gradient() {
  static const EmbeddingGradient operation;
  return operation;
}

}  // namespace chainrule::graph
