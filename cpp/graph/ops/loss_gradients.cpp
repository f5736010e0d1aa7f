#include "graph/ops/loss_gradients.h"

#include <stdexcept>

#include "graph/ops/operations.h"

namespace chainrule::graph {
namespace {

using kernels::Activation;

double columns(Expression x) { return static_cast<double>(x.shape().back()); }

/// Label smoothing: (1 - alpha) t + alpha / n.
Expression smoothed(Expression target, double alpha) {
  return alpha == 0 ? target : target * (1 - alpha) + alpha / columns(target);
}

/// 1 where t > 0, else -1.
Expression side(Expression t) { return exceeds(t, scalar(*t.graph, 0), 0) * 2 - 1.0; }

/// Of labels as one-hot rows: 1 / c at the c largest of the other columns and -1 at the label, where the margin is above 0.
Expression multiclass_hinge(Expression p, Expression t) {
  constexpr double kFarBelow = 1e30;  // what the label's own column is put under the others by
  const Expression others = (1.0 - t) * p - t * kFarBelow;
  const Expression best = apply(ops::max(), {others}, {.axes = {1}, .keepdims = true});
  const Expression is_best = apply(ops::equals(), {others, best});
  const Expression active = exceeds(best - row_sum(t * p), scalar(*p.graph, -1), 0);
  return active * (is_best / row_sum(is_best) - t);
}

Expression sigmoid(Expression x) { return activation(Activation::sigmoid, x); }

}  // namespace

Expression gradient_in_prediction(Loss loss, Expression p, Expression t, double alpha) {
  const double n = columns(p);
  switch (loss) {
    case Loss::mse:  // (p - t)^2 / n
      return (p - t) * (2 / n);
    case Loss::half_mse:  // (p - t)^2 / 2
      return p - t;
    case Loss::mae:  // |p - t| / n, of slope 0 at p = t
      return (exceeds(p, t, 0.5) - 0.5) * (2 / n);
    case Loss::huber:  // with d = p - t: d^2 / 2n where |d| <= alpha, else alpha (|d| - alpha / 2) / n
      return clamp(p - t, -alpha, alpha) * (1 / n);
    case Loss::log_cosh:  // log cosh(p - t) / n
      return activation(Activation::tanh, p - t) * (1 / n);
    case Loss::quantile:  // with d = t - p: alpha d / n where d > 0, else (alpha - 1) d / n
      return (exceeds(p, t, alpha) - alpha) * (1 / n);
    case Loss::poisson:  // (e^p - t p) / n
      return (exp(p) - t) * (1 / n);
    case Loss::hinge: {  // max(0, 1 - s p) / n
      const Expression s = side(t);
      return exceeds(scalar(*p.graph, 1), s * p, 0) * s * (-1 / n);
    }
    case Loss::multiclass_hinge:
      return multiclass_hinge(p, t);
    case Loss::cross_entropy: {  // -sum t log softmax(p)
      const Expression smooth = smoothed(t, alpha);
      return softmax(p) * row_sum(smooth) - smooth;
    }
    case Loss::binary_cross_entropy:  // (softplus(p) - t p) / n
      return (sigmoid(p) - t) * (1 / n);
    case Loss::sigmoid_nll:  // -t log sigmoid(p) = t softplus(-p)
      return t * (sigmoid(p) - 1.0);
  }
  throw std::invalid_argument("loss: expected one of losses.inc");
}

Expression gradient_in_target(Loss loss, Expression p, Expression t, double alpha) {
  switch (loss) {
    case Loss::mse:
    case Loss::half_mse:
    case Loss::mae:
    case Loss::huber:
    case Loss::log_cosh:
    case Loss::quantile:  // functions of p - t
      return -gradient_in_prediction(loss, p, t, alpha);
    case Loss::poisson:
      return p * (-1 / columns(p));
    case Loss::hinge:             // its sides are constant
    case Loss::multiclass_hinge:  // labels
      return {p.graph, kNone};
    case Loss::cross_entropy:
      return log_softmax(p) * (alpha - 1);
    case Loss::binary_cross_entropy:
      return p * (-1 / columns(p));
    case Loss::sigmoid_nll:
      return activation(Activation::softplus, -p);
  }
  throw std::invalid_argument("loss: expected one of losses.inc");
}

}  // namespace chainrule::graph
