#include "graph/ops/loss_gradients.h"

#include <stdexcept>

namespace chainrule::graph {
namespace {

using kernels::Activation;

double columns(Expression x) { return static_cast<double>(x.shape().back()); }

/// Label smoothing: (1 - alpha) t + alpha / n.
Expression smoothed(Expression target, double alpha) {
  return alpha == 0 ? target : target * (1 - alpha) + alpha / columns(target);
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
    case Loss::huber:  // functions of p - t
      return -gradient_in_prediction(loss, p, t, alpha);
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
