// NumPy's other functions of two values, element by element with broadcasting. The C library computes them in double, whatever the
// type, so that float results are rounded once.
#include <cmath>
#include <numbers>

#include "graph/ops/binary.h"
#include "graph/ops/operations.h"

namespace chainrule::graph {
namespace {

using kernels::BinaryArgs;

Expression square(Expression x) { return apply(ops::square(), {x}); }
Expression zero(Expression g) { return {g.graph, kNone}; }
/// 1 where they are equal, else 0.
Expression equals(Expression a, Expression b) { return apply(ops::equals(), {a, b}); }

/// A rule says kName, value(a, b), of_a(nodes, g) and of_b(nodes, g).
template <class Rule>
struct Pairwise : Rule {
  template <class T>
  static void run(const BinaryArgs<T>& args, T /*alpha*/) {
    for (std::size_t i = 0; i < args.n; ++i) {
      args.y[i] = static_cast<T>(Rule::value(static_cast<double>(args.a[i]), static_cast<double>(args.b[i])));
    }
  }
};

/// a^b for any b. Its derivative in b is taken as 0 where a is 0 (b > 0 keeps it there), and that in a as 0 where b is.
struct Pow {
  static constexpr std::string_view kName = "pow";
  static double value(double a, double b) { return std::pow(a, b); }
  static Expression of_a(const BinaryNodes& nodes, Expression g) {
    // Where b is 0 the exponent is 1 instead of -1: 0 a, not 0 / a.
    const Expression exponent = nodes.b - 1.0 + equals(nodes.b, scalar(*g.graph, 0)) * 2.0;
    return g * nodes.b * apply(ops::pow(), {nodes.a, exponent});
  }
  static Expression of_b(const BinaryNodes& nodes, Expression g) {
    const Expression base = nodes.a + equals(nodes.a, scalar(*g.graph, 0));  // ln 1 = 0
    return g * nodes.y * apply(ops::log(), {base});
  }
};

struct Arctan2 {
  static constexpr std::string_view kName = "arctan2";
  static double value(double a, double b) { return std::atan2(a, b); }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * nodes.b / (square(nodes.a) + square(nodes.b)); }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return -(g * nodes.a / (square(nodes.a) + square(nodes.b))); }
};

struct Hypot {
  static constexpr std::string_view kName = "hypot";
  static double value(double a, double b) { return std::hypot(a, b); }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * nodes.a / nodes.y; }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * nodes.b / nodes.y; }
};

/// ln(e^a + e^b), and 2 in place of e.
struct Logaddexp {
  static constexpr std::string_view kName = "logaddexp";
  static double value(double a, double b) {
    return a == b ? a + std::numbers::ln2 : std::fmax(a, b) + std::log1p(std::exp(-std::abs(a - b)));
  }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * exp(nodes.a - nodes.y); }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * exp(nodes.b - nodes.y); }
};

struct Logaddexp2 {
  static constexpr std::string_view kName = "logaddexp2";
  static double value(double a, double b) {
    return a == b ? a + 1 : std::fmax(a, b) + std::log1p(std::exp2(-std::abs(a - b))) / std::numbers::ln2;
  }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * apply(ops::exp2(), {nodes.a - nodes.y}); }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * apply(ops::exp2(), {nodes.b - nodes.y}); }
};

/// What is left of a after whole b's: with the sign of a (fmod), and with that of b (remainder).
struct Fmod {
  static constexpr std::string_view kName = "fmod";
  static double value(double a, double b) { return std::fmod(a, b); }
  static Expression of_a(const BinaryNodes& /*nodes*/, Expression g) { return g; }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return -(g * apply(ops::trunc(), {nodes.a / nodes.b})); }
};

struct Remainder {
  static constexpr std::string_view kName = "remainder";
  static double value(double a, double b) {
    const double rest = std::fmod(a, b);
    if (rest == 0) return std::copysign(0.0, b);
    return (rest < 0) == (b < 0) ? rest : rest + b;
  }
  static Expression of_a(const BinaryNodes& /*nodes*/, Expression g) { return g; }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return -(g * apply(ops::floor(), {nodes.a / nodes.b})); }
};

/// |a| with the sign of b.
struct Copysign {
  static constexpr std::string_view kName = "copysign";
  static double value(double a, double b) { return std::copysign(a, b); }
  static Expression of_a(const BinaryNodes& nodes, Expression g) {
    return g * apply(ops::sign(), {nodes.a}) * apply(ops::copysign(), {scalar(*g.graph, 1), nodes.b});
  }
  static Expression of_b(const BinaryNodes& /*nodes*/, Expression g) { return zero(g); }
};

/// 0 where a is below 0, 1 above, b at 0.
struct Heaviside {
  static constexpr std::string_view kName = "heaviside";
  static double value(double a, double b) { return a > 0 ? 1.0 : a < 0 ? 0.0 : a == 0 ? b : a; }
  static Expression of_a(const BinaryNodes& /*nodes*/, Expression g) { return zero(g); }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * equals(nodes.a, scalar(*g.graph, 0)); }
};

/// The larger and the smaller that is not NaN; both get half where they are equal.
Expression share_of_choice(Expression mine, Expression other, Expression y) { return equals(mine, y) - equals(mine, other) * 0.5; }

struct Fmax {
  static constexpr std::string_view kName = "fmax";
  static double value(double a, double b) { return std::fmax(a, b); }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * share_of_choice(nodes.a, nodes.b, nodes.y); }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * share_of_choice(nodes.b, nodes.a, nodes.y); }
};

struct Fmin {
  static constexpr std::string_view kName = "fmin";
  static double value(double a, double b) { return std::fmin(a, b); }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * share_of_choice(nodes.a, nodes.b, nodes.y); }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * share_of_choice(nodes.b, nodes.a, nodes.y); }
};

/// 1 where a = b, else 0: piecewise constant.
struct Equals {
  static constexpr std::string_view kName = "equals";
  static double value(double a, double b) { return a == b ? 1.0 : 0.0; }
  static Expression of_a(const BinaryNodes& /*nodes*/, Expression g) { return zero(g); }
  static Expression of_b(const BinaryNodes& /*nodes*/, Expression g) { return zero(g); }
};

template <class Rule>
const Operation& pairwise() {
  static const Binary<Pairwise<Rule>> operation;
  return operation;
}

}  // namespace

const Operation& ops::pow() { return pairwise<Pow>(); }
const Operation& ops::arctan2() { return pairwise<Arctan2>(); }
const Operation& ops::hypot() { return pairwise<Hypot>(); }
const Operation& ops::logaddexp() { return pairwise<Logaddexp>(); }
const Operation& ops::logaddexp2() { return pairwise<Logaddexp2>(); }
const Operation& ops::fmod() { return pairwise<Fmod>(); }
const Operation& ops::remainder() { return pairwise<Remainder>(); }
const Operation& ops::copysign() { return pairwise<Copysign>(); }
const Operation& ops::heaviside() { return pairwise<Heaviside>(); }
const Operation& ops::fmax() { return pairwise<Fmax>(); }
const Operation& ops::fmin() { return pairwise<Fmin>(); }
const Operation& ops::equals() { return pairwise<Equals>(); }

}  // namespace chainrule::graph
