#include "graph/ops/slope_derivative.h"

#include <stdexcept>

namespace chainrule::graph {
namespace {

using kernels::Activation;

constexpr double kOneOverSqrtTwoPi = 0.3989422804014327;

/// h(y) = y + alpha (elu; selu with its own alpha) where y <= 0, else constant.
Expression not_positive(Expression y) { return exceeds(scalar(*y.graph, 0), y, 1); }

/// f = x Phi(x): f' = Phi + x phi, f'' = (2 - x^2) phi, with phi = e^{-x^2 / 2} / sqrt(2 pi).
Expression gelu(Expression x) {
  const Expression square = x * x;
  return exp(square * -0.5) * kOneOverSqrtTwoPi * (2.0 - square);
}

/// f = x s(x): f' = s + x s (1 - s), f'' = s (1 - s) (2 + x (1 - 2 s)).
Expression silu(Expression x) {
  const Expression s = activation(Activation::sigmoid, x);
  return s * (1.0 - s) * (x * (1.0 - s * 2) + 2.0);
}

/// f' = s(x), f'' = s (1 - s).
Expression softplus(Expression x) {
  const Expression s = activation(Activation::sigmoid, x);
  return s * (1.0 - s);
}

/// f = x t, t = tanh(softplus(x)): t' = (1 - t^2) s, f' = t + x t', f'' = (1 - t^2) s (2 + x (1 - s - 2 s t)).
Expression mish(Expression x) {
  const Expression s = activation(Activation::sigmoid, x);
  const Expression t = activation(Activation::tanh, activation(Activation::softplus, x));
  return (1.0 - t * t) * s * (x * (1.0 - s - s * t * 2) + 2.0);
}

}  // namespace

Expression slope_derivative(Activation activation, Expression saved) {
  switch (activation) {
    case Activation::linear:
    case Activation::relu:
    case Activation::leaky_relu:
      return {saved.graph, kNone};
    case Activation::elu:
    case Activation::selu:
      return not_positive(saved);
    case Activation::gelu:
      return gelu(saved);
    case Activation::silu:
      return silu(saved);
    case Activation::sigmoid:  // h(y) = y (1 - y)
      return 1.0 - saved * 2;
    case Activation::tanh:  // h(y) = 1 - y^2
      return saved * -2;
    case Activation::softplus:
      return softplus(saved);
    case Activation::mish:
      return mish(saved);
  }
  throw std::invalid_argument("activation: expected one of activations.inc");
}

}  // namespace chainrule::graph
