// On square matrices and stacks of them: inverse, solve(a, b) = a^-1 b, determinant, ln |determinant| and its sign, and the
// Cholesky factor L of the symmetric part of a, L L^T = (a + a^T) / 2. All by elimination in double, whatever the type; the rules
// are those of M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation", 2008.
#include <algorithm>
#include <cmath>

#include "graph/ops/constant_operation.h"
#include "graph/ops/dispatch.h"
#include "graph/ops/expression.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"
#include "graph/ops/strided.h"

namespace chainrule::graph {
namespace {

/// A matrix in double.
struct Square {
  template <class T>
  Square(const T* a, std::size_t size) : n(size), values(a, a + size * size) {}
  double& at(std::size_t i, std::size_t j) { return values[i * n + j]; }

  std::size_t n;
  std::vector<double> values;
};

/// P a = L U by elimination with row pivoting.
class Elimination {
 public:
  template <class T>
  Elimination(const T* a, std::size_t n) : lu_(a, n), order_(n) {
    for (std::size_t i = 0; i < n; ++i) order_[i] = i;
    for (std::size_t k = 0; k < n; ++k) {
      std::size_t pivot = k;
      for (std::size_t i = k + 1; i < n; ++i) {
        if (std::abs(lu_.at(i, k)) > std::abs(lu_.at(pivot, k))) pivot = i;
      }
      if (pivot != k) {
        for (std::size_t j = 0; j < n; ++j) std::swap(lu_.at(k, j), lu_.at(pivot, j));
        std::swap(order_[k], order_[pivot]);
        odd_ = !odd_;
      }
      if (lu_.at(k, k) == 0) continue;
      for (std::size_t i = k + 1; i < n; ++i) {
        const double factor = lu_.at(i, k) /= lu_.at(k, k);
        for (std::size_t j = k + 1; j < n; ++j) lu_.at(i, j) -= factor * lu_.at(k, j);
      }
    }
  }

  [[nodiscard]] bool singular() {
    for (std::size_t i = 0; i < lu_.n; ++i) {
      if (lu_.at(i, i) == 0) return true;
    }
    return false;
  }

  /// x of a x = b, for `columns` right-hand sides.
  template <class T>
  std::vector<double> solve(const T* b, std::size_t columns) {
    const std::size_t n = lu_.n;
    std::vector<double> x(n * columns);
    for (std::size_t i = 0; i < n; ++i) std::copy_n(b + order_[i] * columns, columns, x.begin() + at(i * columns));
    const auto subtract = [&](std::size_t from, std::size_t to) {
      const double factor = lu_.at(to, from);
      for (std::size_t j = 0; j < columns; ++j) x[to * columns + j] -= factor * x[from * columns + j];
    };
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < i; ++k) subtract(k, i);
    }
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) subtract(k, i);
      for (std::size_t j = 0; j < columns; ++j) x[i * columns + j] /= lu_.at(i, i);
    }
    return x;
  }

  [[nodiscard]] double determinant() {
    double product = odd_ ? -1 : 1;
    for (std::size_t i = 0; i < lu_.n; ++i) product *= lu_.at(i, i);
    return product;
  }
  [[nodiscard]] double log_absolute_determinant() {
    double sum = 0;
    for (std::size_t i = 0; i < lu_.n; ++i) sum += std::log(std::abs(lu_.at(i, i)));
    return sum;
  }
  [[nodiscard]] double determinant_sign() {
    bool negative = odd_;
    for (std::size_t i = 0; i < lu_.n; ++i) {
      if (lu_.at(i, i) == 0) return 0;
      if (lu_.at(i, i) < 0) negative = !negative;
    }
    return negative ? -1 : 1;
  }

 private:
  static std::ptrdiff_t at(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

  Square lu_;
  std::vector<std::size_t> order_;
  bool odd_ = false;
};

Shape stack_of(const Shape& shape) { return {shape.begin(), shape.end() - 2}; }

/// The size of the square matrices; std::invalid_argument for others.
std::int64_t require_square(std::string_view operation, const ValueType& input) {
  require_floating(operation, input);
  const Shape& shape = input.shape;
  if (shape.size() < 2 || shape.back() != shape[shape.size() - 2] || shape.back() == kRows) {
    reject(operation, "square matrices", text("shape ", shape_text(shape)));
  }
  return shape.back();
}

[[noreturn]] void reject_singular(std::string_view operation) { reject(operation, "matrices with an inverse", "a singular one"); }

/// x with its last two axes exchanged.
Expression transposed(Expression x) {
  Shape axes(x.shape().size());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  std::swap(axes.back(), axes[axes.size() - 2]);
  return apply(ops::transpose(), {x}, {.axes = std::move(axes)});
}

Expression product(Expression a, Expression b, bool transpose_a = false, bool transpose_b = false) {
  return apply(ops::matmul(), {a, b}, {.transpose_a = transpose_a, .transpose_b = transpose_b});
}
Expression solution(Expression a, Expression b) { return apply(ops::solve(), {a, b}); }
Expression symmetric(Expression x) { return (x + transposed(x)) * 0.5; }

/// Calls run(a, y) for each matrix of a stack and as many elements of the result.
template <class T, class Run>
void for_each_matrix(const Tensor& a, Tensor& y, const Run& run) {
  const auto n = static_cast<std::size_t>(a.shape().back());
  const std::size_t count = element_count(stack_of(a.shape()));
  for (std::size_t i = 0; i < count; ++i) run(a.data<T>() + i * n * n, y.data<T>() + i * (y.size() / count));
}

class Inverse final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "inverse"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_square(name(), inputs[0]);
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    const auto n = static_cast<std::size_t>(shape.back());
    std::vector<double> identity(n * n);
    for (std::size_t i = 0; i < n; ++i) identity[i * n + i] = 1;
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      for_each_matrix<T>(inputs[0], y, [&](const T* a, T* to) {
        Elimination elimination(a, n);
        if (elimination.singular()) reject_singular(name());
        const std::vector<double> x = elimination.solve(identity.data(), n);
        for (std::size_t i = 0; i < x.size(); ++i) to[i] = static_cast<T>(x[i]);
      });
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const Expression y{&graph, self};
    return (-product(product(y, {&graph, tangents[0]}), y)).id;
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    const Expression y{&graph, self};
    return (-product(product(y, {&graph, cotangent}, true), y, false, true)).id;
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return 2 * elements(inputs[0].shape) * elements({inputs[0].shape.back()});
  }
};

class Solve final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "solve"; }
  [[nodiscard]] int arity() const noexcept override { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    const std::int64_t n = require_square(name(), inputs[0]);
    require_floating(name(), inputs[1]);
    const Shape& b = inputs[1].shape;
    if (b.size() < 2 || b[b.size() - 2] != n)
      reject(name(), text("right-hand sides of ", n, " rows"), text("shape ", shape_text(b)));
    Shape shape = broadcast(name(), stack_of(inputs[0].shape), stack_of(b));
    shape.append(b.end() - 2, b.end());
    return {std::move(shape), inputs[1].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    const auto columns = static_cast<std::size_t>(shape.back());
    const auto n = static_cast<std::size_t>(shape[shape.size() - 2]);
    Shape square = shape;
    square.back() = shape[shape.size() - 2];
    const Tensor a = broadcast_to(inputs[0], square);
    const Tensor b = broadcast_to(inputs[1], shape);
    Tensor y(b.dtype(), shape);
    const std::size_t count = element_count(stack_of(shape));
    for_floating(y.dtype(), [&]<class T>() {
      for (std::size_t i = 0; i < count; ++i) {
        Elimination elimination(a.data<T>() + i * n * n, n);
        if (elimination.singular()) reject_singular(name());
        const std::vector<double> x = elimination.solve(b.data<T>() + i * n * columns, columns);
        for (std::size_t j = 0; j < x.size(); ++j) y.data<T>()[i * n * columns + j] = static_cast<T>(x[j]);
      }
    });
    return y;
  }

  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const Operands inputs = graph.node(self).inputs;
    Expression right{&graph, tangents[1]};
    if (tangents[0] != kNone) right = right - product({&graph, tangents[0]}, {&graph, self});
    return broadcast_like(solution({&graph, inputs[0]}, right), {&graph, self}).id;
  }

  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override {
    const Operands inputs = graph.node(self).inputs;
    const Expression a{&graph, inputs[0]};
    const Expression of_b = solution(transposed(a), {&graph, cotangent});
    if (input == 1) return unbroadcast(of_b, graph.node(inputs[1]).shape).id;
    return unbroadcast(-product(of_b, {&graph, self}, false, true), a.shape()).id;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    const double n = elements({inputs[0].shape.back()});
    return elements(inputs[0].shape) * n * 2 / 3 + 2 * n * elements(inputs[1].shape);
  }
};

/// One number for each matrix, from a rule that says kName and value(elimination).
template <class Rule, class Base>
class OfDeterminant : public Base {
 public:
  [[nodiscard]] std::string_view name() const noexcept final { return Rule::kName; }
  [[nodiscard]] int arity() const noexcept final { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const final {
    require_square(name(), inputs[0]);
    return {stack_of(inputs[0].shape), inputs[0].dtype};
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/, const Shape& shape) const final {
    const auto n = static_cast<std::size_t>(inputs[0].shape().back());
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      for_each_matrix<T>(inputs[0], y, [&](const T* a, T* to) {
        Elimination elimination(a, n);
        *to = static_cast<T>(Rule::value(elimination));
      });
    });
    return y;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const final {
    return elements(inputs[0].shape) * elements({inputs[0].shape.back()}) * 2 / 3;
  }
};

struct DeterminantRule {
  static constexpr std::string_view kName = "determinant";
  static double value(Elimination& elimination) { return elimination.determinant(); }
  static Expression slope(Expression y, Expression g) { return g * y; }
};
struct LogAbsoluteDeterminantRule {
  static constexpr std::string_view kName = "log_absolute_determinant";
  static double value(Elimination& elimination) { return elimination.log_absolute_determinant(); }
  static Expression slope(Expression /*y*/, Expression g) { return g; }
};
struct DeterminantSignRule {
  static constexpr std::string_view kName = "determinant_sign";
  static double value(Elimination& elimination) { return elimination.determinant_sign(); }
};

/// d y = slope(y, trace(a^-1 da)).
template <class Rule>
class SmoothOfDeterminant final : public OfDeterminant<Rule, Operation> {
 public:
  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const Expression a{&graph, graph.node(self).inputs[0]};
    const auto rank = static_cast<std::int64_t>(a.shape().size());
    const Expression inverse = apply(ops::inverse(), {a});
    const Expression trace = sum(transposed(inverse) * Expression{&graph, tangents[0]}, {rank - 2, rank - 1}, false);
    return Rule::slope({&graph, self}, trace).id;
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    const Expression a{&graph, graph.node(self).inputs[0]};
    Expression g = Rule::slope({&graph, self}, {&graph, cotangent});
    Shape shape = g.shape();
    shape.resize(shape.size() + 2, 1);
    return (reshape(g, std::move(shape)) * transposed(apply(ops::inverse(), {a}))).id;
  }
};

class Cholesky final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "cholesky"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_square(name(), inputs[0]);
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    const auto n = static_cast<std::size_t>(shape.back());
    Tensor y(inputs[0].dtype(), shape);
    for_floating(y.dtype(), [&]<class T>() {
      for_each_matrix<T>(inputs[0], y, [&](const T* a, T* to) {
        Square factor(a, n);
        for (std::size_t j = 0; j < n; ++j) {
          for (std::size_t i = j; i < n; ++i) {
            double rest = (factor.at(i, j) + factor.at(j, i)) / 2;
            for (std::size_t k = 0; k < j; ++k) rest -= factor.at(i, k) * factor.at(j, k);
            if (i == j && !(rest > 0)) reject(name(), "positive definite matrices", "another");
            factor.at(i, j) = i == j ? std::sqrt(rest) : rest / factor.at(j, j);
          }
        }
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t j = 0; j <= i; ++j) to[i * n + j] = static_cast<T>(factor.at(i, j));
        }
      });
    });
    return y;
  }

  // dL = L half(L^-1 dA L^-T), half: the lower triangle with half of the diagonal; A is the symmetric part of the input.
  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override {
    const Expression factor{&graph, self};
    const Expression left = solution(factor, symmetric({&graph, tangents[0]}));
    return product(factor, half(solution(factor, transposed(left)))).id;
  }
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int /*input*/) const override {
    const Expression upper = transposed({&graph, self});
    const Expression left = solution(upper, half(product(upper, {&graph, cotangent})));
    return symmetric(solution(upper, transposed(left))).id;
  }
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return elements(inputs[0].shape) * elements({inputs[0].shape.back()}) / 3;
  }

 private:
  static Expression half(Expression x) {
    const std::int64_t n = x.shape().back();
    Tensor mask(x.graph->dtype(), {n, n});
    for_floating(mask.dtype(), [&]<class T>() {
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j <= i; ++j) mask.data<T>()[i * n + j] = i == j ? T(0.5) : T(1);
      }
    });
    return x * Expression{x.graph, x.graph->constant(mask)};
  }
};

}  // namespace

const Operation& ops::inverse() {
  static const Inverse operation;
  return operation;
}

const Operation& ops::solve() {
  static const Solve operation;
  return operation;
}

const Operation& ops::determinant() {
  static const SmoothOfDeterminant<DeterminantRule> operation;
  return operation;
}

const Operation& ops::log_absolute_determinant() {
  static const SmoothOfDeterminant<LogAbsoluteDeterminantRule> operation;
  return operation;
}

const Operation& ops::determinant_sign() {
  static const OfDeterminant<DeterminantSignRule, ConstantOperation> operation;
  return operation;
}

const Operation& ops::cholesky() {
  static const Cholesky operation;
  return operation;
}

}  // namespace chainrule::graph
