// Columns of matrices (rows, n) taken out and put together:
//   slice_columns(x)       columns begin, ..., end - 1: attributes' shape is {begin, end}
//   place_columns(x)       x from column begin of a matrix of n columns, zeros beside it: attributes' shape is {begin, n}
//   join_columns(a, b, ..) the columns of all inputs, side by side
// The first two are adjoint to each other.
#include <algorithm>

#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"

namespace chainrule::graph {
namespace {

void require_matrix(std::string_view operation, const ValueType& x) {
  require_floating(operation, x);
  if (x.shape.size() != 2 || x.shape[1] == kRows) reject(operation, "shape (rows, features)", shape_text(x.shape));
}

/// Copies `columns` columns of each row.
template <class T>
void copy_columns(const T* from, std::int64_t from_width, T* to, std::int64_t to_width, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t row = 0; row < rows; ++row) std::copy_n(from + row * from_width, columns, to + row * to_width);
}

class SliceColumns final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "slice_columns"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_matrix(name(), inputs[0]);
    const Shape& range = attributes.shape;
    if (range.size() != 2 || range[0] < 0 || range[0] >= range[1] || range[1] > inputs[0].shape[1]) {
      reject(name(), text("a range of the ", inputs[0].shape[1], " columns"), to_string(range));
    }
    return {{inputs[0].shape[0], range[1] - range[0]}, inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      copy_columns(inputs[0].data<T>() + attributes.shape[0], inputs[0].shape()[1], y.data<T>(), shape[1], shape[0], shape[1]);
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return graph.apply(*this, {tangents[0]}, graph.node(self).attributes);
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    const Node& node = graph.node(self);
    const std::int64_t columns = graph.node(node.inputs[0]).shape[1];
    return graph.apply(ops::place_columns(), {cotangent}, {.shape = {node.attributes.shape[0], columns}}, node.name);
  }
  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

class PlaceColumns final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "place_columns"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_matrix(name(), inputs[0]);
    const Shape& place = attributes.shape;
    if (place.size() != 2 || place[0] < 0 || place[0] > place[1] - inputs[0].shape[1]) {
      reject(name(), text("a place for ", inputs[0].shape[1], " columns"), to_string(place));
    }
    return {{inputs[0].shape[0], place[1]}, inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      const std::int64_t columns = inputs[0].shape()[1];
      copy_columns(inputs[0].data<T>(), columns, y.data<T>() + attributes.shape[0], shape[1], shape[0], columns);
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    return graph.apply(*this, {tangents[0]}, graph.node(self).attributes);
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    const Node& node = graph.node(self);
    const std::int64_t begin = node.attributes.shape[0];
    const std::int64_t end = begin + graph.node(node.inputs[0]).shape[1];
    return graph.apply(ops::slice_columns(), {cotangent}, {.shape = {begin, end}}, node.name);
  }
  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

class JoinColumns final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "join_columns"; }
  [[nodiscard]] int arity() const noexcept override { return kAnyNumber; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    if (inputs.empty()) reject(name(), "one input or more", "none");
    std::int64_t columns = 0;
    for (const ValueType& input : inputs) {
      require_matrix(name(), input);
      if (input.shape[0] != inputs[0].shape[0]) {
        reject(name(), "equal numbers of rows", text(shape_text(inputs[0].shape), " and ", shape_text(input.shape)));
      }
      columns += input.shape[1];
    }
    return {{inputs[0].shape[0], columns}, inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      T* to = y.data<T>();
      for (const Tensor& input : inputs) {
        const std::int64_t columns = input.shape()[1];
        copy_columns(input.data<T>(), columns, to, shape[1], shape[0], columns);
        to += columns;
      }
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const std::int64_t columns = graph.node(self).shape[1];
    Expression sum{&graph, kNone};
    for (std::size_t i = 0; i < tangents.size(); ++i) {
      if (tangents[i] == kNone) continue;
      const NodeId placed = graph.apply(ops::place_columns(), {tangents[i]}, {.shape = {begin_of(graph, self, i), columns}});
      sum = sum + Expression{&graph, placed};
    }
    return sum.id;
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    const Node& node = graph.node(self);
    const auto position = static_cast<std::size_t>(input);
    const std::int64_t begin = begin_of(graph, self, position);
    const std::int64_t end = begin + graph.node(node.inputs[position]).shape[1];
    return graph.apply(ops::slice_columns(), {cotangent}, {.shape = {begin, end}}, node.name);
  }

  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }

 private:
  /// The column at which input number `input` begins.
  [[nodiscard]] static std::int64_t begin_of(const Graph& graph, NodeId self, std::size_t input) {
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < input; ++i) begin += graph.node(graph.node(self).inputs[i]).shape[1];
    return begin;
  }
};

}  // namespace

const Operation& ops::slice_columns() {
  static const SliceColumns operation;
  return operation;
}

const Operation& ops::place_columns() {
  static const PlaceColumns operation;
  return operation;
}

const Operation& ops::join_columns() {
  static const JoinColumns operation;
  return operation;
}

}  // namespace chainrule::graph
