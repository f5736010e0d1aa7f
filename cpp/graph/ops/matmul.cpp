// y = op(a) op(b) on matrices, op the transpose where the attribute says so, or on stacks of them, whose leading dimensions
// broadcast. Each element of y is one chain of fma in ascending order of the reduced index (the gemm kernel's contract), whatever
// the transposes. Its derivatives are products again: for y = a b, that in a is gy b^T and that in b is a^T gy.
#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/panel_matrix.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/strided.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

struct Sizes {
  std::int64_t outer;  // rows of op(a), columns of op(b)
  std::int64_t inner;
};

/// The last two dimensions, and those before them.
Sizes last_two(const Shape& shape) { return {shape[shape.size() - 2], shape.back()}; }
Shape stack_of(const Shape& shape) { return {shape.begin(), shape.end() - 2}; }

Sizes sizes_of_a(const Shape& a, bool transpose) {
  const auto [rows, columns] = last_two(a);
  return transpose ? Sizes{columns, rows} : Sizes{rows, columns};
}
Sizes sizes_of_b(const Shape& b, bool transpose) { return sizes_of_a(b, !transpose); }

std::string operand_text(const Shape& shape, bool transpose) { return shape_text(shape) + (transpose ? " transposed" : ""); }

/// op(src), which has so many rows and columns, in panels.
template <class T>
PanelMatrix<T> pack(const T* src, std::size_t rows, std::size_t columns, bool transpose) {
  return transpose ? PanelMatrix<T>(src, rows, columns, 1, rows) : PanelMatrix<T>(src, rows, columns);
}

Expression product(Expression a, Expression b, bool transpose_a, bool transpose_b) {
  return apply(ops::matmul(), {a, b}, {.transpose_a = transpose_a, .transpose_b = transpose_b});
}

class Matmul final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "matmul"; }
  [[nodiscard]] int arity() const noexcept override { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    for (const ValueType& input : inputs) {
      require_floating(name(), input);
      if (input.shape.size() < 2) reject(name(), "two matrices", text("shape ", shape_text(input.shape)));
    }
    const Sizes a = sizes_of_a(inputs[0].shape, attributes.transpose_a);
    const Sizes b = sizes_of_b(inputs[1].shape, attributes.transpose_b);
    if (a.inner != b.inner) {
      reject(name(), "as many columns on the left as rows on the right",
             text(operand_text(inputs[0].shape, attributes.transpose_a), " and ",
                  operand_text(inputs[1].shape, attributes.transpose_b)));
    }
    Shape shape = broadcast(name(), stack_of(inputs[0].shape), stack_of(inputs[1].shape));
    shape.push_back(a.outer);
    shape.push_back(b.outer);
    return {std::move(shape), inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    if (y.size() == 0) return y;
    const Sizes size = sizes_of_a(inputs[0].shape(), attributes.transpose_a);
    const auto rows = static_cast<std::size_t>(size.outer);
    const auto depth = static_cast<std::size_t>(size.inner);
    const auto columns = static_cast<std::size_t>(shape.back());
    // A column would be padded to a panel: (a b)^T = b^T a^T, a row of the same bits, is not.
    const bool turn = columns == 1;
    const bool ta = attributes.transpose_a;
    const bool tb = attributes.transpose_b;
    for_floating(y.dtype(), [&]<class T>() {
      PanelMatrix<T> c(turn ? 1 : rows, turn ? rows : columns);
      const auto multiply = [&](const T* a, const T* b, T* to) {
        const PanelMatrix<T> left = turn ? pack(b, 1, depth, !tb) : pack(a, rows, depth, ta);
        const PanelMatrix<T> right = turn ? pack(a, depth, rows, !ta) : pack(b, depth, columns, tb);
        kernels::GemmArgs<T> args{};
        args.a = left.view();
        args.b = right.view();
        args.c = c.panels();
        args.rows = turn ? 1 : rows;
        args.depth = depth;
        args.panels = kernels::panel_count<T>(turn ? rows : columns);
        args.epilogue = kernels::Epilogue::none;
        kernels::active_tables().of<T>().gemm_forward(args);
        c.unpack(to);
      };
      const Shape stack = stack_of(shape);
      const Shape of_a = broadcast_strides(stack_of(inputs[0].shape()), stack);
      const Shape of_b = broadcast_strides(stack_of(inputs[1].shape()), stack);
      const std::size_t size_of_a = rows * depth;
      const std::size_t size_of_b = depth * columns;
      T* to = y.data<T>();
      for_each_run(stack, of_a, of_b, [&](std::int64_t a, std::int64_t b, std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i, to += rows * columns) {
          const auto at_a = static_cast<std::size_t>(stack.empty() ? a : a + i * of_a.back());
          const auto at_b = static_cast<std::size_t>(stack.empty() ? b : b + i * of_b.back());
          multiply(inputs[0].data<T>() + at_a * size_of_a, inputs[1].data<T>() + at_b * size_of_b, to);
        }
      });
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const Node& node = graph.node(self);
    const auto [ta, tb] = std::pair(node.attributes.transpose_a, node.attributes.transpose_b);
    Expression tangent{&graph, kNone};
    if (tangents[0] != kNone) tangent = product({&graph, tangents[0]}, {&graph, node.inputs[1]}, ta, tb);
    if (tangents[1] != kNone) tangent = tangent + product({&graph, node.inputs[0]}, {&graph, tangents[1]}, ta, tb);
    return tangent.id;
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    const Node& node = graph.node(self);
    const auto [ta, tb] = std::pair(node.attributes.transpose_a, node.attributes.transpose_b);
    const Expression g{&graph, cotangent};
    const Expression a{&graph, node.inputs[0]};
    const Expression b{&graph, node.inputs[1]};
    if (input == 0) return unbroadcast(ta ? product(b, g, tb, true) : product(g, b, false, !tb), a.shape()).id;
    return unbroadcast(tb ? product(g, a, true, ta) : product(a, g, !ta, false), b.shape()).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    const Sizes a = sizes_of_a(inputs[0].shape, attributes.transpose_a);
    const Sizes b = sizes_of_b(inputs[1].shape, attributes.transpose_b);
    const Shape stack = broadcast(name(), stack_of(inputs[0].shape), stack_of(inputs[1].shape));
    return 2 * elements(stack) * elements({a.outer}) * elements({a.inner}) * elements({b.outer});
  }
};

}  // namespace

const Operation& ops::matmul() {
  static const Matmul operation;
  return operation;
}

}  // namespace chainrule::graph
