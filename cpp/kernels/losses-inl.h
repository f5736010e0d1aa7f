// Losses row by row. p: prediction, t: target, n: columns; in a row,
//   mse                   sum (p - t)^2 / n                          derivative 2 (p - t) / n
//   half_mse              sum (p - t)^2 / 2                          p - t
//   mae                   sum |p - t| / n                            sign(p - t) / n, 0 at 0
//   huber                 sum h / n, h = d^2 / 2 for |d| <= alpha, else alpha (|d| - alpha / 2), d = p - t
//   log_cosh              sum log(cosh(p - t)) / n                   tanh(p - t) / n
//   quantile              sum max(alpha d, (alpha - 1) d) / n, d = t - p;    (-alpha, 0 or 1 - alpha for d above, at, below 0) / n
//   poisson               sum (e^p - t p) / n                        (e^p - t) / n
//   hinge                 sum max(0, 1 - s p) / n, s = 1 for t > 0, else -1;     -s / n where the maximum is above 0
//   multiclass_hinge      max(0, m), m = 1 + max p_j - p_k over the columns j other than the label k
//                                                                    -1 at k, 1 / c at the c largest j, where m > 0
//   binary_cross_entropy  sum (max(p, 0) - p t + log(1 + e^-|p|)) / n            (sigmoid(p) - t) / n
//   cross_entropy         sum t' (log(sum e^(p - max p)) - (p - max p)), t' = (1 - alpha) t + alpha / n;     softmax(p) sum t' - t'
//   sigmoid_nll           sum t log(1 + e^-p)                        -t sigmoid(-p)
// A label stands for the target that is 1 in its column and 0 in the others. seed may be null only where no gradient is wanted.
// Sums run in the order of simd/row-inl.h; each term is rounded before it is added, but for cross_entropy's sum t' (p - max p),
// which is a chain of fma. The gradient's padding lanes are written as 0. gradient may be prediction.

#include "kernels/simd/row-inl.h"

/// loss = sum l.value(p, t) / divisor, gradient = (seed / divisor) l.slope(p, t).
template <class T, class L>
CHAINRULE_INLINE void separable_loss(const LossArgs<T>& args, T divisor, L l) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    for (std::size_t row = 0; row < args.rows; ++row) {
      if (args.loss != nullptr) {
        LaneAccumulators<T> sums(T{0});
        for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
          const Vec<T> p = load(vector_at(args.prediction, row, panel, part));
          const Vec<T> t = load(vector_at(args.target, row, panel, part));
          sums[part] += mask ? l.value(p, t) : Vec<T>{};
        });
        args.loss[row] = sums.sum()[0] / divisor;
      }
      if (args.gradient.data != nullptr) {
        const T seed = args.seed[row] / divisor;
        for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
          const Vec<T> p = load(vector_at(args.prediction, row, panel, part));
          const Vec<T> t = load(vector_at(args.target, row, panel, part));
          store(vector_at(args.gradient, row, panel, part), mask ? seed * l.slope(p, t) : Vec<T>{});
        });
      }
    }
  });
}

template <class T>
struct SquaredError {
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return (p - t) * (p - t); }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return (p - t) + (p - t); }
};
template <class T>
CHAINRULE_INLINE void mse_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, static_cast<T>(args.columns), SquaredError<T>{});
}
template <class T>
CHAINRULE_INLINE void half_mse_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, T{2}, SquaredError<T>{});
}

template <class T>
struct AbsoluteError {
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return abs(p - t); }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const {
    const Vec<T> d = p - t;
    const Vec<T> below = d < Vec<T>{} ? splat(T{-1}) : d;  // 0 and NaN stay
    return d > Vec<T>{} ? splat(T{1}) : below;
  }
};
template <class T>
CHAINRULE_INLINE void mae_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, static_cast<T>(args.columns), AbsoluteError<T>{});
}

template <class T>
struct HuberError {
  T delta;
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const {
    const Vec<T> d = abs(p - t);
    return d <= delta ? T{0.5} * d * d : delta * (d - T{0.5} * delta);
  }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return max(min(p - t, splat(delta)), splat(-delta)); }
};
template <class T>
CHAINRULE_INLINE void huber_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, static_cast<T>(args.columns), HuberError<T>{args.alpha});
}

template <class T>
struct LogCosh {
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return log_cosh(p - t); }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return tanh(p - t); }
};
template <class T>
CHAINRULE_INLINE void log_cosh_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, static_cast<T>(args.columns), LogCosh<T>{});
}

template <class T>
struct QuantileError {
  T quantile;
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const {
    const Vec<T> d = t - p;
    return (d > Vec<T>{} ? splat(quantile) : splat(quantile - T{1})) * d;
  }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const {
    const Vec<T> d = t - p;
    const Vec<T> above = d < Vec<T>{} ? splat(T{1} - quantile) : d;  // 0 and NaN stay
    return d > Vec<T>{} ? splat(-quantile) : above;
  }
};
template <class T>
CHAINRULE_INLINE void quantile_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, static_cast<T>(args.columns), QuantileError<T>{args.alpha});
}

template <class T>
struct PoissonError {
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return fma(-t, p, exp(p)); }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return exp(p) - t; }
};
template <class T>
CHAINRULE_INLINE void poisson_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, static_cast<T>(args.columns), PoissonError<T>{});
}

template <class T>
struct HingeError {
  CHAINRULE_INLINE Vec<T> margin(Vec<T> p, Vec<T> t) const { return T{1} - (t > Vec<T>{} ? p : -p); }
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return relu(margin(p, t)); }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const {
    return margin(p, t) > Vec<T>{} ? (t > Vec<T>{} ? splat(T{-1}) : splat(T{1})) : Vec<T>{};
  }
};
template <class T>
CHAINRULE_INLINE void hinge_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, static_cast<T>(args.columns), HingeError<T>{});
}

template <class T>
CHAINRULE_INLINE void multiclass_hinge_loss_kernel(const LossArgs<T>& args) {
  for (std::size_t row = 0; row < args.rows; ++row) {
    const auto label = static_cast<std::size_t>(args.label[row]);
    T best = -static_cast<T>(kInfinity);
    std::size_t count = 0;  // how many share it
    for (std::size_t j = 0; j < args.columns; ++j) {
      const T p = *args.prediction.at(row, j);
      if (j == label || p < best) continue;
      count = p > best ? 1 : count + (p == best ? 1 : 0);
      best = p > best ? p : best;
    }
    const T margin = (best - *args.prediction.at(row, label)) + T{1};
    if (args.loss != nullptr) args.loss[row] = margin < T{0} ? T{0} : margin;
    if (args.gradient.data == nullptr) continue;
    const bool active = margin > T{0};
    const T share = active ? args.seed[row] / static_cast<T>(count) : T{0};
    const T own = active ? -args.seed[row] : T{0};
    for (std::size_t j = 0; j < args.columns; ++j) {
      const T other = *args.prediction.at(row, j) == best ? share : T{0};
      *args.gradient.at(row, j) = j == label ? own : other;
    }
    for (std::size_t j = args.columns; j < panel_count<T>(args.columns) * kPanelWidth<T>; ++j) *args.gradient.at(row, j) = 0;
  }
}

template <class T>
struct LogisticError {
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return fma(-p, t, relu(p)) + softplus_tail(p); }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return sigmoid(p) - t; }
};
template <class T>
CHAINRULE_INLINE void binary_cross_entropy_loss_kernel(const LossArgs<T>& args) {
  separable_loss(args, static_cast<T>(args.columns), LogisticError<T>{});
}

template <class T>
struct SigmoidNll {
  CHAINRULE_INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return t * softplus(-p); }
  CHAINRULE_INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return -t * sigmoid(-p); }
};
template <class T>
CHAINRULE_INLINE void sigmoid_nll_loss_kernel(const LossArgs<T>& args) {
  if (args.label == nullptr) {
    separable_loss(args, T{1}, SigmoidNll<T>{});
    return;
  }
  // One column of each row counts: those of several rows share a vector.
  constexpr std::size_t kBlock = kPanelWidth<T>;
  for (std::size_t begin = 0; begin < args.rows; begin += kBlock) {
    const std::size_t count = args.rows - begin < kBlock ? args.rows - begin : kBlock;
    alignas(64) T chosen[kBlock] = {};
    for (std::size_t i = 0; i < count; ++i) {
      chosen[i] = *args.prediction.at(begin + i, static_cast<std::size_t>(args.label[begin + i]));
    }
    for (std::size_t i = 0; i < count; i += kLanes<T>) {
      const std::size_t lanes = count - i < kLanes<T> ? count - i : kLanes<T>;
      const Vec<T> p = load(chosen + i);
      if (args.loss != nullptr) store_first(args.loss + begin + i, softplus(-p), lanes);
      store(chosen + i, -sigmoid(-p));
    }
    if (args.gradient.data == nullptr) continue;
    for (std::size_t i = 0; i < count; ++i) {
      for_each_vector<T>(panel_count<T>(args.columns), args.columns,
                         [&](std::size_t panel, std::size_t part, Mask<T>)
                             CHAINRULE_INLINE_LAMBDA { store(vector_at(args.gradient, begin + i, panel, part), Vec<T>{}); });
      *args.gradient.at(begin + i, static_cast<std::size_t>(args.label[begin + i])) = args.seed[begin + i] * chosen[i];
    }
  }
}

/// t' of targets that are values.
template <class T>
struct SmoothedValues {
  Panels<const T> target;
  T keep;
  T spread;
  static constexpr bool kSumIsOne = false;
  CHAINRULE_INLINE Vec<T> operator()(std::size_t row, std::size_t panel, std::size_t part) const {
    return fma(splat(keep), load(vector_at(target, row, panel, part)), splat(spread));
  }
};
/// t' of labels.
template <class T>
struct SmoothedLabels {
  const std::int32_t* label;
  T keep;
  T spread;
  static constexpr bool kSumIsOne = true;
  CHAINRULE_INLINE Vec<T> operator()(std::size_t row, std::size_t panel, std::size_t part) const {
    const auto lane = static_cast<T>(label[row] - static_cast<std::int32_t>(panel * kPanelWidth<T>));
    return load(kLaneNumbers<T>.number + part * kLanes<T>) == lane ? splat(keep + spread) : splat(spread);
  }
};

template <class T, class Targets, class Count>
CHAINRULE_INLINE void cross_entropy(const LossArgs<T>& args, Targets targets, Count panels) {
  // p - max p is cut here, a quarter of the largest number: the loss is finite for any finite logits.
  constexpr T kLowest = sizeof(T) == sizeof(float) ? static_cast<T>(-0x1p126) : static_cast<T>(-0x1p1022);
  constexpr std::size_t kBlock = kPanelWidth<T>;  // the logarithms of a block's sums share vectors
  for (std::size_t begin = 0; begin < args.rows; begin += kBlock) {
    const std::size_t count = args.rows - begin < kBlock ? args.rows - begin : kBlock;
    alignas(64) T sum_exp[kBlock] = {};
    alignas(64) T sum_target[kBlock] = {};
    alignas(64) T sum_product[kBlock] = {};
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = begin + i;
      const Vec<T> largest = row_max(args.prediction, row, panels, args.columns);
      LaneAccumulators<T> exps(T{0});
      LaneAccumulators<T> weights(T{0});
      LaneAccumulators<T> products(T{0});
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        const Vec<T> d = max(load(vector_at(args.prediction, row, panel, part)) - largest, splat(kLowest));
        const Vec<T> t = targets(row, panel, part);
        const Vec<T> e = mask ? exp(d) : Vec<T>{};
        exps[part] += e;
        if constexpr (!Targets::kSumIsOne) weights[part] += mask ? t : Vec<T>{};
        products[part] = mask ? fma(t, d, products[part]) : products[part];
        if (args.gradient.data != nullptr) store(vector_at(args.gradient, row, panel, part), e);
      });
      const Vec<T> sum = exps.sum();
      const Vec<T> weight = Targets::kSumIsOne ? splat(T{1}) : weights.sum();
      sum_exp[i] = sum[0];
      sum_target[i] = weight[0];
      sum_product[i] = products.sum()[0];
      if (args.gradient.data == nullptr) continue;
      const T seed = args.seed[row];
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        T* g = vector_at(args.gradient, row, panel, part);
        store(g, mask ? seed * fma(load(g) / sum, weight, -targets(row, panel, part)) : Vec<T>{});
      });
    }
    if (args.loss == nullptr) continue;
    for (std::size_t i = 0; i < count; i += kLanes<T>) {
      const Vec<T> loss = fma(load(sum_target + i), log(load(sum_exp + i)), -load(sum_product + i));
      store_first(args.loss + begin + i, loss, count - i < kLanes<T> ? count - i : kLanes<T>);
    }
  }
}

template <class T>
CHAINRULE_INLINE void cross_entropy_loss_kernel(const LossArgs<T>& args) {
  const T keep = T{1} - args.alpha;
  const T spread = args.alpha / static_cast<T>(args.columns);
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    if (args.label != nullptr) {
      cross_entropy(args, SmoothedLabels<T>{args.label, keep, spread}, panels);
    } else {
      cross_entropy(args, SmoothedValues<T>{args.target, keep, spread}, panels);
    }
  });
}
