// Element-wise arithmetic with broadcasting: y = a + b, a - b, a * b, a / b, the larger, the smaller, and a > b as a number.
#include "graph/ops/binary.h"
#include "graph/ops/operations.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

using kernels::active_tables;
using kernels::BinaryArgs;

struct Add {
  static constexpr std::string_view kName = "add";
  template <class T>
  static void run(const BinaryArgs<T>& args, T /*alpha*/) {
    active_tables().of<T>().add(args);
  }
  static Expression of_a(const BinaryNodes& /*nodes*/, Expression g) { return g; }
  static Expression of_b(const BinaryNodes& /*nodes*/, Expression g) { return g; }
};

struct Subtract {
  static constexpr std::string_view kName = "subtract";
  template <class T>
  static void run(const BinaryArgs<T>& args, T /*alpha*/) {
    active_tables().of<T>().subtract(args);
  }
  static Expression of_a(const BinaryNodes& /*nodes*/, Expression g) { return g; }
  static Expression of_b(const BinaryNodes& /*nodes*/, Expression g) { return -g; }
};

struct Multiply {
  static constexpr std::string_view kName = "multiply";
  template <class T>
  static void run(const BinaryArgs<T>& args, T /*alpha*/) {
    active_tables().of<T>().multiply(args);
  }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * nodes.b; }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * nodes.a; }
};

struct Divide {
  static constexpr std::string_view kName = "divide";
  template <class T>
  static void run(const BinaryArgs<T>& args, T /*alpha*/) {
    active_tables().of<T>().divide(args);
  }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g / nodes.b; }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return -(g * nodes.y / nodes.b); }
};

/// 1 where a > b, 0 where a < b, alpha where they are equal; piecewise constant, so that its derivative is zero.
struct Exceeds {
  static constexpr std::string_view kName = "exceeds";
  template <class T>
  static void run(const BinaryArgs<T>& args, T alpha) {
    BinaryArgs<T> with_alpha = args;
    with_alpha.alpha = alpha;
    active_tables().of<T>().exceeds(with_alpha);
  }
  static Expression of_a(const BinaryNodes& /*nodes*/, Expression g) { return {g.graph, kNone}; }
  static Expression of_b(const BinaryNodes& /*nodes*/, Expression g) { return {g.graph, kNone}; }
};

/// What one operand of maximum and minimum gets where both are equal: half, so that exchanging them changes nothing. A constant
/// moves nowhere and takes it all: the derivative of max(0, z) and max(z, 0) at z = 0 is 0, as relu's is.
double share_of_tie(Expression other) { return other.graph->node(other.id).constant ? 0.0 : 0.5; }

struct Maximum {
  static constexpr std::string_view kName = "maximum";
  template <class T>
  static void run(const BinaryArgs<T>& args, T /*alpha*/) {
    active_tables().of<T>().maximum(args);
  }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * exceeds(nodes.a, nodes.b, share_of_tie(nodes.b)); }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * exceeds(nodes.b, nodes.a, share_of_tie(nodes.a)); }
};

struct Minimum {
  static constexpr std::string_view kName = "minimum";
  template <class T>
  static void run(const BinaryArgs<T>& args, T /*alpha*/) {
    active_tables().of<T>().minimum(args);
  }
  static Expression of_a(const BinaryNodes& nodes, Expression g) { return g * exceeds(nodes.b, nodes.a, share_of_tie(nodes.b)); }
  static Expression of_b(const BinaryNodes& nodes, Expression g) { return g * exceeds(nodes.a, nodes.b, share_of_tie(nodes.a)); }
};

template <class Rule>
const Operation& binary() {
  static const Binary<Rule> operation;
  return operation;
}

}  // namespace

const Operation& ops::add() { return binary<Add>(); }
const Operation& ops::subtract() { return binary<Subtract>(); }
const Operation& ops::multiply() { return binary<Multiply>(); }
const Operation& ops::divide() { return binary<Divide>(); }
const Operation& ops::maximum() { return binary<Maximum>(); }
const Operation& ops::minimum() { return binary<Minimum>(); }
const Operation& ops::exceeds() { return binary<Exceeds>(); }

}  // namespace chainrule::graph
