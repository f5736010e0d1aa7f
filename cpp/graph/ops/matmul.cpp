// y = op(a) op(b) on matrices, op the transpose where the attribute says so. Each element of y is one chain of fma in ascending
// order of the reduced index (the gemm kernel's contract), whatever the transposes. Its derivatives are products again: for
// y = a b, that in a is gy b^T and that in b is a^T gy.
#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/panel_matrix.h"
#include "graph/ops/shape_rules.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

struct Sizes {
  std::int64_t outer;  // rows of op(a), columns of op(b)
  std::int64_t inner;
};

Sizes sizes_of_a(const Shape& a, bool transpose) { return transpose ? Sizes{a[1], a[0]} : Sizes{a[0], a[1]}; }
Sizes sizes_of_b(const Shape& b, bool transpose) { return transpose ? Sizes{b[0], b[1]} : Sizes{b[1], b[0]}; }

std::string operand_text(const Shape& shape, bool transpose) { return shape_text(shape) + (transpose ? " transposed" : ""); }

/// op(src) in panels.
template <class T>
PanelMatrix<T> pack(const Tensor& src, bool transpose) {
  const auto rows = static_cast<std::size_t>(src.shape()[0]);
  const auto columns = static_cast<std::size_t>(src.shape()[1]);
  return transpose ? PanelMatrix<T>(src.data<T>(), columns, rows, 1, columns) : PanelMatrix<T>(src.data<T>(), rows, columns);
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
      if (input.shape.size() != 2) reject(name(), "two matrices", text("shape ", shape_text(input.shape)));
    }
    const Sizes a = sizes_of_a(inputs[0].shape, attributes.transpose_a);
    const Sizes b = sizes_of_b(inputs[1].shape, attributes.transpose_b);
    if (a.inner != b.inner) {
      reject(name(), "as many columns on the left as rows on the right",
             text(operand_text(inputs[0].shape, attributes.transpose_a), " and ",
                  operand_text(inputs[1].shape, attributes.transpose_b)));
    }
    return {{a.outer, b.outer}, inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor y(inputs[0].dtype(), shape);
    if (y.size() == 0) return y;
    for_floating(y.dtype(), [&]<class T>() {
      const PanelMatrix<T> a = pack<T>(inputs[0], attributes.transpose_a);
      const PanelMatrix<T> b = pack<T>(inputs[1], attributes.transpose_b);
      const auto rows = static_cast<std::size_t>(shape[0]);
      const auto columns = static_cast<std::size_t>(shape[1]);
      PanelMatrix<T> c(rows, columns);
      kernels::GemmArgs<T> args{};
      args.a = a.view();
      args.b = b.view();
      args.c = c.panels();
      args.rows = rows;
      args.depth = static_cast<std::size_t>(sizes_of_a(inputs[0].shape(), attributes.transpose_a).inner);
      args.panels = kernels::panel_count<T>(columns);
      args.epilogue = kernels::Epilogue::none;
      kernels::active_tables().of<T>().gemm_forward(args);
      c.unpack(y.data<T>());
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
    if (input == 0) return (ta ? product(b, g, tb, true) : product(g, b, false, !tb)).id;
    return (tb ? product(g, a, true, ta) : product(a, g, !ta, false)).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    const Sizes b = sizes_of_b(inputs[1].shape, attributes.transpose_b);
    return 2 * elements(inputs[0].shape) * elements({b.outer});
  }
};

}  // namespace

const Operation& ops::matmul() {
  static const Matmul operation;
  return operation;
}

}  // namespace chainrule::graph
