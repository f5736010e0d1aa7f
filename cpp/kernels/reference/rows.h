// softmax, losses, accuracy and top k, with sums in the order of simd/row-inl.h. Part of reference.cpp, inside its anonymous
// namespace.

/// Combines the lane sums of a panel's width: i and i + P / 2, then i and i + P / 4, down to one.
template <class T>
T halved(T* lane) {
  for (std::size_t n = kPanelWidth<T> / 2; n > 0; n /= 2) {
    for (std::size_t i = 0; i < n; ++i) lane[i] += lane[i + n];
  }
  return lane[0];
}

/// term(0) + term(1) + ... in the contract's order.
template <class T, class F>
T ordered_sum(std::size_t columns, F term) {
  T lane[kPanelWidth<T>] = {};
  for (std::size_t j = 0; j < columns; ++j) lane[j % kPanelWidth<T>] += term(j);
  return halved(lane);
}

/// a(0) b(0) + a(1) b(1) + ... in the contract's order, each lane a chain of fma.
template <class T, class A, class B>
T ordered_dot(std::size_t columns, A a, B b) {
  T lane[kPanelWidth<T>] = {};
  for (std::size_t j = 0; j < columns; ++j) lane[j % kPanelWidth<T>] = std::fma(a(j), b(j), lane[j % kPanelWidth<T>]);
  return halved(lane);
}

template <class T>
T largest(Panels<const T> x, std::size_t row, std::size_t columns) {
  T m = -std::numeric_limits<T>::infinity();
  for (std::size_t j = 0; j < columns; ++j) m = m < *x.at(row, j) ? *x.at(row, j) : m;
  return m;
}

template <class T>
void clear_padding(Panels<T> x, std::size_t rows, std::size_t columns) {
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = columns; j < panel_count<T>(columns) * kPanelWidth<T>; ++j) *x.at(i, j) = 0;
  }
}

template <class T>
void softmax_forward(const RowArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const T m = largest(args.x, i, args.columns);
    for (std::size_t j = 0; j < args.columns; ++j) *args.y.at(i, j) = scalar_exp(*args.x.at(i, j) - m);
    const T sum = ordered_sum<T>(args.columns, [&](std::size_t j) { return *args.y.at(i, j); });
    for (std::size_t j = 0; j < args.columns; ++j) *args.y.at(i, j) /= sum;
  }
  clear_padding(args.y, args.rows, args.columns);
}

template <class T>
void softmax_backward(const RowBackwardArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const T sum = ordered_dot<T>(
        args.columns, [&](std::size_t j) { return *args.g.at(i, j); }, [&](std::size_t j) { return *args.saved.at(i, j); });
    for (std::size_t j = 0; j < args.columns; ++j) *args.gx.at(i, j) = *args.saved.at(i, j) * (*args.g.at(i, j) - sum);
  }
  clear_padding(args.gx, args.rows, args.columns);
}

template <class T>
void log_softmax_forward(const RowArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const T m = largest(args.x, i, args.columns);
    const T log_sum = scalar_log(ordered_sum<T>(args.columns, [&](std::size_t j) { return scalar_exp(*args.x.at(i, j) - m); }));
    for (std::size_t j = 0; j < args.columns; ++j) *args.y.at(i, j) = (*args.x.at(i, j) - m) - log_sum;
  }
  clear_padding(args.y, args.rows, args.columns);
}

template <class T>
void log_softmax_backward(const RowBackwardArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const T sum = ordered_sum<T>(args.columns, [&](std::size_t j) { return *args.g.at(i, j); });
    for (std::size_t j = 0; j < args.columns; ++j) {
      *args.gx.at(i, j) = std::fma(-scalar_exp(*args.saved.at(i, j)), sum, *args.g.at(i, j));
    }
  }
  clear_padding(args.gx, args.rows, args.columns);
}

/// loss = sum value(p, t) / divisor; gradient = (seed / divisor) slope(p, t).
template <class T, class Value, class Slope>
void separable_loss(const LossArgs<T>& args, T divisor, Value value, Slope slope) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const auto p = [&](std::size_t j) { return *args.prediction.at(i, j); };
    const auto t = [&](std::size_t j) { return *args.target.at(i, j); };
    if (args.loss != nullptr) {
      args.loss[i] = ordered_sum<T>(args.columns, [&](std::size_t j) { return value(p(j), t(j)); }) / divisor;
    }
    if (args.gradient.data == nullptr) continue;
    const T seed = args.seed[i] / divisor;
    for (std::size_t j = 0; j < args.columns; ++j) *args.gradient.at(i, j) = seed * slope(p(j), t(j));
  }
  if (args.gradient.data != nullptr) clear_padding(args.gradient, args.rows, args.columns);
}

template <class T>
void mse_loss(const LossArgs<T>& args) {
  separable_loss(
      args, static_cast<T>(args.columns), [](T p, T t) { return (p - t) * (p - t); }, [](T p, T t) { return 2 * (p - t); });
}

template <class T>
void half_mse_loss(const LossArgs<T>& args) {
  separable_loss(
      args, T{2}, [](T p, T t) { return (p - t) * (p - t); }, [](T p, T t) { return 2 * (p - t); });
}

template <class T>
void mae_loss(const LossArgs<T>& args) {
  separable_loss(
      args, static_cast<T>(args.columns), [](T p, T t) { return std::fabs(p - t); },
      [](T p, T t) { return p - t > 0   ? T{1}
                            : p - t < 0 ? T{-1}
                                        : p - t; });
}

template <class T>
void huber_loss(const LossArgs<T>& args) {
  const T delta = args.alpha;
  separable_loss(
      args, static_cast<T>(args.columns),
      [delta](T p, T t) {
        const T d = std::fabs(p - t);
        return d <= delta ? T{0.5} * d * d : delta * (d - T{0.5} * delta);
      },
      [delta](T p, T t) { return p - t > delta    ? delta
                                 : p - t < -delta ? -delta
                                                  : p - t; });
}

template <class T>
void log_cosh_loss(const LossArgs<T>& args) {
  separable_loss(
      args, static_cast<T>(args.columns), [](T p, T t) { return scalar_log_cosh(p - t); },
      [](T p, T t) { return scalar_tanh(p - t); });
}

template <class T>
void quantile_loss(const LossArgs<T>& args) {
  const T q = args.alpha;
  separable_loss(
      args, static_cast<T>(args.columns), [q](T p, T t) { return t - p > 0 ? q * (t - p) : (q - 1) * (t - p); },
      [q](T p, T t) { return t - p > 0   ? -q
                             : t - p < 0 ? 1 - q
                                         : t - p; });
}

template <class T>
void poisson_loss(const LossArgs<T>& args) {
  separable_loss(
      args, static_cast<T>(args.columns), [](T p, T t) { return std::fma(-t, p, scalar_exp(p)); },
      [](T p, T t) { return scalar_exp(p) - t; });
}

template <class T>
void hinge_loss(const LossArgs<T>& args) {
  const auto margin = [](T p, T t) { return 1 - (t > 0 ? p : -p); };
  separable_loss(
      args, static_cast<T>(args.columns), [margin](T p, T t) { return margin(p, t) < 0 ? T{0} : margin(p, t); },
      [margin](T p, T t) { return margin(p, t) > 0 ? (t > 0 ? T{-1} : T{1}) : T{0}; });
}

template <class T>
void multiclass_hinge_loss(const LossArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const auto label = static_cast<std::size_t>(args.label[i]);
    const auto p = [&](std::size_t j) { return *args.prediction.at(i, j); };
    T best = -std::numeric_limits<T>::infinity();
    for (std::size_t j = 0; j < args.columns; ++j) {
      if (j != label && p(j) > best) best = p(j);
    }
    T count = 0;
    for (std::size_t j = 0; j < args.columns; ++j) {
      if (j != label && p(j) == best) count += 1;
    }
    const T margin = (best - p(label)) + 1;
    if (args.loss != nullptr) args.loss[i] = margin < 0 ? 0 : margin;
    if (args.gradient.data == nullptr) continue;
    for (std::size_t j = 0; j < args.columns; ++j) {
      T slope = 0;
      if (margin > 0) slope = j == label ? -args.seed[i] : p(j) == best ? args.seed[i] / count : 0;
      *args.gradient.at(i, j) = slope;
    }
  }
  if (args.gradient.data != nullptr) clear_padding(args.gradient, args.rows, args.columns);
}

template <class T>
void binary_cross_entropy_loss(const LossArgs<T>& args) {
  separable_loss(
      args, static_cast<T>(args.columns), [](T p, T t) { return std::fma(-p, t, p < 0 ? T{0} : p) + scalar_softplus_tail(p); },
      [](T p, T t) { return scalar_sigmoid(p) - t; });
}

template <class T>
void sigmoid_nll_loss(const LossArgs<T>& args) {
  if (args.label == nullptr) {
    separable_loss(
        args, T{1}, [](T p, T t) { return t * scalar_softplus(-p); }, [](T p, T t) { return -t * scalar_sigmoid(-p); });
    return;
  }
  for (std::size_t i = 0; i < args.rows; ++i) {
    const auto label = static_cast<std::size_t>(args.label[i]);
    const T p = *args.prediction.at(i, label);
    if (args.loss != nullptr) args.loss[i] = scalar_softplus(-p);
    if (args.gradient.data == nullptr) continue;
    for (std::size_t j = 0; j < args.columns; ++j) *args.gradient.at(i, j) = j == label ? args.seed[i] * -scalar_sigmoid(-p) : 0;
  }
  if (args.gradient.data != nullptr) clear_padding(args.gradient, args.rows, args.columns);
}

template <class T>
void cross_entropy_loss(const LossArgs<T>& args) {
  const T lowest = std::ldexp(T{-1}, std::numeric_limits<T>::max_exponent - 2);
  const T keep = 1 - args.alpha;
  const T spread = args.alpha / static_cast<T>(args.columns);
  for (std::size_t i = 0; i < args.rows; ++i) {
    const T m = largest(args.prediction, i, args.columns);
    const auto target = [&](std::size_t j) {
      if (args.label == nullptr) return std::fma(keep, *args.target.at(i, j), spread);
      return j == static_cast<std::size_t>(args.label[i]) ? keep + spread : spread;
    };
    const auto shifted = [&](std::size_t j) {
      const T d = *args.prediction.at(i, j) - m;
      return d < lowest ? lowest : d;
    };
    const T sum = ordered_sum<T>(args.columns, [&](std::size_t j) { return scalar_exp(shifted(j)); });
    const T weight = args.label == nullptr ? ordered_sum<T>(args.columns, target) : 1;
    const T product = ordered_dot<T>(args.columns, target, shifted);
    if (args.loss != nullptr) args.loss[i] = std::fma(weight, scalar_log(sum), -product);
    if (args.gradient.data == nullptr) continue;
    for (std::size_t j = 0; j < args.columns; ++j) {
      *args.gradient.at(i, j) = args.seed[i] * std::fma(scalar_exp(shifted(j)) / sum, weight, -target(j));
    }
  }
  if (args.gradient.data != nullptr) clear_padding(args.gradient, args.rows, args.columns);
}

template <class T>
std::size_t argmax(Panels<const T> x, std::size_t row, std::size_t columns) {
  const T m = largest(x, row, columns);
  std::size_t j = 0;
  while (j < columns && *x.at(row, j) != m) ++j;
  return j;
}

template <class T>
void accuracy(const AccuracyArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const std::size_t column = argmax(args.prediction, i, args.columns);
    bool right = false;
    if (args.label != nullptr) {
      right = column == static_cast<std::size_t>(args.label[i]);
    } else if (args.columns > 1) {
      right = column < args.columns && column == argmax(args.target, i, args.columns);
    } else {
      right = (*args.prediction.at(i, 0) > args.threshold) == (*args.target.at(i, 0) > T{0.5});
    }
    args.score[i] = right ? 1 : 0;
  }
}

template <class T>
void top_k(const TopKArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const std::size_t right =
        args.label != nullptr ? static_cast<std::size_t>(args.label[i]) : argmax(args.target, i, args.columns);
    const auto p = [&](std::size_t j) { return *args.prediction.at(i, j); };
    std::size_t before = 0;
    for (std::size_t j = 0; right < args.columns && j < args.columns; ++j) {
      if (p(j) > p(right) || (p(j) == p(right) && j < right)) ++before;
    }
    args.score[i] = right < args.columns && !std::isnan(p(right)) && before < args.k ? 1 : 0;
  }
}
