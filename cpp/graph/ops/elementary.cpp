// NumPy's other functions of one value, element by element. Unlike exp, log and the activations they have no vectorised kernels:
// the C library computes them in double, whatever the type, so that float results are rounded once.
#include <cmath>
#include <numbers>

#include "graph/ops/operations.h"
#include "graph/ops/unary.h"

namespace chainrule::graph {
namespace {

using kernels::UnaryArgs;

Expression sine(Expression x) { return apply(ops::sin(), {x}); }
Expression cosine(Expression x) { return apply(ops::cos(), {x}); }
Expression square(Expression x) { return apply(ops::square(), {x}); }
Expression root(Expression x) { return apply(ops::sqrt(), {x}); }
Expression zero(Expression g) { return {g.graph, kNone}; }

/// A rule says kName, value(x) and slope(x, y, g) = g f'(x).
template <class Rule>
struct Scalar {
  static constexpr std::string_view kName = Rule::kName;
  static constexpr double kFlops = kElementaryFlops;
  template <class T>
  static void run(const UnaryArgs<T>& args, const Attributes& /*attributes*/) {
    for (std::size_t i = 0; i < args.n; ++i) args.y[i] = static_cast<T>(Rule::value(static_cast<double>(args.x[i])));
  }
  static Expression derivative(Expression x, Expression y, Expression g, const Attributes& /*attributes*/) {
    return Rule::slope(x, y, g);
  }
};

struct Sin {
  static constexpr std::string_view kName = "sin";
  static double value(double x) { return std::sin(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g * cosine(x); }
};

struct Cos {
  static constexpr std::string_view kName = "cos";
  static double value(double x) { return std::cos(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return -(g * sine(x)); }
};

struct Tan {
  static constexpr std::string_view kName = "tan";
  static double value(double x) { return std::tan(x); }
  static Expression slope(Expression /*x*/, Expression y, Expression g) { return g * (square(y) + 1.0); }
};

struct Arcsin {
  static constexpr std::string_view kName = "arcsin";
  static double value(double x) { return std::asin(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g / root(1.0 - square(x)); }
};

struct Arccos {
  static constexpr std::string_view kName = "arccos";
  static double value(double x) { return std::acos(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return -(g / root(1.0 - square(x))); }
};

struct Arctan {
  static constexpr std::string_view kName = "arctan";
  static double value(double x) { return std::atan(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g / (square(x) + 1.0); }
};

struct Sinh {
  static constexpr std::string_view kName = "sinh";
  static double value(double x) { return std::sinh(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g * apply(ops::cosh(), {x}); }
};

struct Cosh {
  static constexpr std::string_view kName = "cosh";
  static double value(double x) { return std::cosh(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g * apply(ops::sinh(), {x}); }
};

struct Arcsinh {
  static constexpr std::string_view kName = "arcsinh";
  static double value(double x) { return std::asinh(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g / root(square(x) + 1.0); }
};

struct Arccosh {
  static constexpr std::string_view kName = "arccosh";
  static double value(double x) { return std::acosh(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g / root(square(x) - 1.0); }
};

struct Arctanh {
  static constexpr std::string_view kName = "arctanh";
  static double value(double x) { return std::atanh(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g / (1.0 - square(x)); }
};

struct Exp2 {
  static constexpr std::string_view kName = "exp2";
  static double value(double x) { return std::exp2(x); }
  static Expression slope(Expression /*x*/, Expression y, Expression g) { return g * y * std::numbers::ln2; }
};

struct Expm1 {
  static constexpr std::string_view kName = "expm1";
  static double value(double x) { return std::expm1(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g * exp(x); }
};

struct Log2 {
  static constexpr std::string_view kName = "log2";
  static double value(double x) { return std::log2(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g / (x * std::numbers::ln2); }
};

struct Log10 {
  static constexpr std::string_view kName = "log10";
  static double value(double x) { return std::log10(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g / (x * std::numbers::ln10); }
};

struct Log1p {
  static constexpr std::string_view kName = "log1p";
  static double value(double x) { return std::log1p(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g / (x + 1.0); }
};

struct Cbrt {
  static constexpr std::string_view kName = "cbrt";
  static double value(double x) { return std::cbrt(x); }
  static Expression slope(Expression /*x*/, Expression y, Expression g) { return g / (square(y) * 3.0); }
};

struct Square {
  static constexpr std::string_view kName = "square";
  static double value(double x) { return x * x; }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g * x * 2.0; }
};

struct Reciprocal {
  static constexpr std::string_view kName = "reciprocal";
  static double value(double x) { return 1 / x; }
  static Expression slope(Expression /*x*/, Expression y, Expression g) { return -(g * square(y)); }
};

/// |x|, whose derivative is taken as 0 at 0.
struct Absolute {
  static constexpr std::string_view kName = "absolute";
  static double value(double x) { return std::abs(x); }
  static Expression slope(Expression x, Expression /*y*/, Expression g) { return g * apply(ops::sign(), {x}); }
};

// Piecewise constant: no derivative where they jump, 0 elsewhere.

struct Sign {
  static constexpr std::string_view kName = "sign";
  static double value(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x; }
  static Expression slope(Expression /*x*/, Expression /*y*/, Expression g) { return zero(g); }
};

struct Floor {
  static constexpr std::string_view kName = "floor";
  static double value(double x) { return std::floor(x); }
  static Expression slope(Expression /*x*/, Expression /*y*/, Expression g) { return zero(g); }
};

struct Ceil {
  static constexpr std::string_view kName = "ceil";
  static double value(double x) { return std::ceil(x); }
  static Expression slope(Expression /*x*/, Expression /*y*/, Expression g) { return zero(g); }
};

struct Trunc {
  static constexpr std::string_view kName = "trunc";
  static double value(double x) { return std::trunc(x); }
  static Expression slope(Expression /*x*/, Expression /*y*/, Expression g) { return zero(g); }
};

/// To the nearest whole number, halves to the even one.
struct Rint {
  static constexpr std::string_view kName = "rint";
  static double value(double x) { return std::nearbyint(x); }
  static Expression slope(Expression /*x*/, Expression /*y*/, Expression g) { return zero(g); }
};

/// The key-th derivative of sinc(x) = sin(pi x) / (pi x), which has one everywhere: by its series near 0, where the quotient's
/// derivatives are differences of large numbers, and beyond by u f^(n) + n f^(n-1) = sin^(n)(u), u = pi x.
struct Sinc {
  static constexpr std::string_view kName = "sinc";
  static constexpr double kFlops = 2 * kElementaryFlops;

  static double series(double u, std::int64_t order) {
    // The terms (-1)^k u^(2k) / (2k + 1)!, each differentiated `order` times.
    const auto n = static_cast<double>(order);
    const std::int64_t first = (order + 1) / 2;
    double sum = 0;
    for (std::int64_t k = first; k < first + 40; ++k) {
      const auto power = static_cast<double>(2 * k);
      // (2k)! / (2k - n)! / (2k + 1)! = 1 / ((2k - n)! (2k + 1))
      const double term = std::pow(u, power - n) / (std::tgamma(power - n + 1) * (power + 1));
      sum += k % 2 == 0 ? term : -term;
    }
    return sum;
  }

  static double by_recurrence(double u, std::int64_t order) {
    double f = std::sin(u) / u;
    for (std::int64_t n = 1; n <= order; ++n) {
      const double wave = std::sin(u + static_cast<double>(n % 4) * (std::numbers::pi / 2));
      f = (wave - static_cast<double>(n) * f) / u;
    }
    return f;
  }

  template <class T>
  static void run(const UnaryArgs<T>& args, const Attributes& attributes) {
    const std::int64_t order = attributes.key;
    const double scale = std::pow(std::numbers::pi, static_cast<double>(order));
    const double near = 1.0 + static_cast<double>(order);
    for (std::size_t i = 0; i < args.n; ++i) {
      const double u = std::numbers::pi * static_cast<double>(args.x[i]);
      args.y[i] = static_cast<T>(scale * (std::abs(u) < near ? series(u, order) : by_recurrence(u, order)));
    }
  }

  static Expression derivative(Expression x, Expression /*y*/, Expression g, const Attributes& attributes) {
    return g * apply(ops::sinc(), {x}, {.key = attributes.key + 1});
  }
};

template <class Rule>
const Operation& unary() {
  static const Unary<Rule> operation;
  return operation;
}

template <class Rule>
const Operation& scalar_function() {
  return unary<Scalar<Rule>>();
}

}  // namespace

const Operation& ops::sin() { return scalar_function<Sin>(); }
const Operation& ops::cos() { return scalar_function<Cos>(); }
const Operation& ops::tan() { return scalar_function<Tan>(); }
const Operation& ops::arcsin() { return scalar_function<Arcsin>(); }
const Operation& ops::arccos() { return scalar_function<Arccos>(); }
const Operation& ops::arctan() { return scalar_function<Arctan>(); }
const Operation& ops::sinh() { return scalar_function<Sinh>(); }
const Operation& ops::cosh() { return scalar_function<Cosh>(); }
const Operation& ops::arcsinh() { return scalar_function<Arcsinh>(); }
const Operation& ops::arccosh() { return scalar_function<Arccosh>(); }
const Operation& ops::arctanh() { return scalar_function<Arctanh>(); }
const Operation& ops::exp2() { return scalar_function<Exp2>(); }
const Operation& ops::expm1() { return scalar_function<Expm1>(); }
const Operation& ops::log2() { return scalar_function<Log2>(); }
const Operation& ops::log10() { return scalar_function<Log10>(); }
const Operation& ops::log1p() { return scalar_function<Log1p>(); }
const Operation& ops::cbrt() { return scalar_function<Cbrt>(); }
const Operation& ops::square() { return scalar_function<Square>(); }
const Operation& ops::reciprocal() { return scalar_function<Reciprocal>(); }
const Operation& ops::absolute() { return scalar_function<Absolute>(); }
const Operation& ops::sign() { return scalar_function<Sign>(); }
const Operation& ops::floor() { return scalar_function<Floor>(); }
const Operation& ops::ceil() { return scalar_function<Ceil>(); }
const Operation& ops::trunc() { return scalar_function<Trunc>(); }
const Operation& ops::rint() { return scalar_function<Rint>(); }
const Operation& ops::sinc() { return unary<Sinc>(); }

}  // namespace chainrule::graph
