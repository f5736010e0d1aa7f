// Element-wise functions of one value: y = -x, alpha x, e^x, ln x, sqrt x, x^alpha.
#include <cmath>
#include <vector>

#include "graph/ops/operations.h"
#include "graph/ops/unary.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

using kernels::active_tables;
using kernels::UnaryArgs;

struct Scale {
  static constexpr std::string_view kName = "scale";
  static constexpr double kFlops = 1;
  template <class T>
  static void run(const UnaryArgs<T>& args, const Attributes& /*attributes*/) {
    active_tables().of<T>().scale(args);
  }
  static Expression derivative(Expression /*x*/, Expression /*y*/, Expression g, const Attributes& attributes) {
    return g * attributes.alpha;
  }
};

struct Negate {
  static constexpr std::string_view kName = "negate";
  static constexpr double kFlops = 1;
  template <class T>
  static void run(UnaryArgs<T> args, const Attributes& /*attributes*/) {
    args.alpha = -1;
    active_tables().of<T>().scale(args);
  }
  static Expression derivative(Expression /*x*/, Expression /*y*/, Expression g, const Attributes& /*attributes*/) { return -g; }
};

struct Exp {
  static constexpr std::string_view kName = "exp";
  static constexpr double kFlops = kElementaryFlops;
  template <class T>
  static void run(const UnaryArgs<T>& args, const Attributes& /*attributes*/) {
    active_tables().of<T>().exp(args);
  }
  static Expression derivative(Expression /*x*/, Expression y, Expression g, const Attributes& /*attributes*/) { return g * y; }
};

struct Log {
  static constexpr std::string_view kName = "log";
  static constexpr double kFlops = kElementaryFlops;
  template <class T>
  static void run(const UnaryArgs<T>& args, const Attributes& /*attributes*/) {
    active_tables().of<T>().log(args);
  }
  static Expression derivative(Expression x, Expression /*y*/, Expression g, const Attributes& /*attributes*/) { return g / x; }
};

struct Sqrt {
  static constexpr std::string_view kName = "sqrt";
  static constexpr double kFlops = 1;
  template <class T>
  static void run(const UnaryArgs<T>& args, const Attributes& /*attributes*/) {
    active_tables().of<T>().sqrt(args);
  }
  static Expression derivative(Expression /*x*/, Expression y, Expression g, const Attributes& /*attributes*/) {
    return g * 0.5 / y;
  }
};

/// x^alpha in double, whatever the type: products in a fixed order for a whole alpha (each adds half an ulp), else exp(alpha ln x).
struct Power {
  static constexpr std::string_view kName = "power";
  static constexpr double kFlops = 2 * kElementaryFlops + 1;
  // Up to here the products are no less accurate than the logarithm's way, whose error grows with alpha as well.
  static constexpr double kLargestWhole = 1024;

  static double whole_power(double x, int exponent) {
    double result = 1;
    for (int bits = std::abs(exponent); bits != 0; bits >>= 1) {
      if ((bits & 1) != 0) result *= x;
      x *= x;
    }
    return exponent < 0 ? 1 / result : result;
  }

  template <class T>
  static void run(const UnaryArgs<T>& args, const Attributes& attributes) {
    const double alpha = attributes.alpha;
    if (alpha == std::trunc(alpha) && std::abs(alpha) <= kLargestWhole) {
      for (std::size_t i = 0; i < args.n; ++i) args.y[i] = static_cast<T>(whole_power(args.x[i], static_cast<int>(alpha)));
      return;
    }
    std::vector<double> values(args.x, args.x + args.n);
    const UnaryArgs<double> in_place{values.data(), values.data(), args.n, alpha};
    const kernels::KernelTable<double>& table = active_tables().f64;
    table.log(in_place);
    table.scale(in_place);
    table.exp(in_place);
    for (std::size_t i = 0; i < args.n; ++i) args.y[i] = static_cast<T>(values[i]);
  }

  static Expression derivative(Expression x, Expression /*y*/, Expression g, const Attributes& attributes) {
    const double alpha = attributes.alpha;
    if (alpha == 0) return {g.graph, kNone};
    return alpha == 1 ? g : g * power(x, alpha - 1) * alpha;
  }
};

template <class Rule>
const Operation& unary() {
  static const Unary<Rule> operation;
  return operation;
}

}  // namespace

const Operation& ops::negate() { return unary<Negate>(); }
const Operation& ops::scale() { return unary<Scale>(); }
const Operation& ops::exp() { return unary<Exp>(); }
const Operation& ops::log() { return unary<Log>(); }
const Operation& ops::sqrt() { return unary<Sqrt>(); }
const Operation& ops::power() { return unary<Power>(); }

}  // namespace chainrule::graph
