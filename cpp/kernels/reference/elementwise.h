// Activations, their derivatives, arithmetic and updates, one number at a time. Part of reference.cpp, inside its anonymous
// namespace.

inline constexpr double kSeluScale = 1.0507009873554804934193349852946;
inline constexpr double kSeluScaleAlpha = 1.7580993408473768599402175208123;  // rounded once

template <class T>
T forward(Activation f, T x, T alpha) {
  switch (f) {
    case Activation::linear:
      return x;
    case Activation::relu:
      return x < 0 ? 0 : x;
    case Activation::leaky_relu:
      return x > 0 ? x : alpha * x;
    case Activation::elu:
      return x < 0 ? scalar_expm1_negative(x, static_cast<double>(alpha)) : x;
    case Activation::selu:
      return x < 0 ? scalar_expm1_negative(x, kSeluScaleAlpha) : static_cast<T>(kSeluScale * static_cast<double>(x));
    case Activation::gelu:
      return scalar_gelu(x);
    case Activation::silu:
      return scalar_silu(x);
    case Activation::sigmoid:
      return scalar_sigmoid(x);
    case Activation::tanh:
      return scalar_tanh(x);
    case Activation::softplus:
      return scalar_softplus(x);
    case Activation::mish:
      return scalar_mish(x);
  }
  return 0;
}

/// g f'(x) from saved x or y, as activations.inc says.
template <class T>
T backward(Activation f, T g, T saved, T alpha) {
  switch (f) {
    case Activation::linear:
      return g;
    case Activation::relu:
      return saved > 0 ? g : 0;
    case Activation::leaky_relu:
      return saved > 0 ? g : alpha * g;
    case Activation::elu:
      return saved > 0 ? g : g * (saved + alpha);
    case Activation::selu:
      return g * (saved > 0 ? static_cast<T>(kSeluScale) : saved + static_cast<T>(kSeluScaleAlpha));
    case Activation::gelu:
      return g * scalar_gelu_derivative(saved);
    case Activation::silu:
      return g * scalar_silu_derivative(saved);
    case Activation::sigmoid:
      return g * (saved * (1 - saved));
    case Activation::tanh:
      return g * std::fma(-saved, saved, T{1});
    case Activation::softplus:
      return g * scalar_sigmoid(saved);
    case Activation::mish:
      return g * scalar_mish_derivative(saved);
  }
  return 0;
}

#define CHAINRULE_ACTIVATION(name, saved_value, default_alpha)                                                              \
  template <class T>                                                                                                        \
  void name##_forward(const UnaryArgs<T>& args) {                                                                           \
    for (std::size_t i = 0; i < args.n; ++i) args.y[i] = forward(Activation::name, args.x[i], args.alpha);                  \
  }                                                                                                                         \
  template <class T>                                                                                                        \
  void name##_backward(const UnaryBackwardArgs<T>& args) {                                                                  \
    for (std::size_t i = 0; i < args.n; ++i) args.gx[i] = backward(Activation::name, args.g[i], args.saved[i], args.alpha); \
  }
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION

#define CHAINRULE_ELEMENTWISE(name, Args, formula)                \
  template <class T>                                              \
  void name(const Args<T>& args) {                                \
    for (std::size_t i = 0; i < args.n; ++i) args.y[i] = formula; \
  }
CHAINRULE_ELEMENTWISE(exp, UnaryArgs, scalar_exp(args.x[i]))
CHAINRULE_ELEMENTWISE(log, UnaryArgs, scalar_log(args.x[i]))
CHAINRULE_ELEMENTWISE(sqrt, UnaryArgs, std::sqrt(args.x[i]))
CHAINRULE_ELEMENTWISE(scale, UnaryArgs, args.alpha* args.x[i])
CHAINRULE_ELEMENTWISE(add, BinaryArgs, args.a[i] + args.b[i])
CHAINRULE_ELEMENTWISE(subtract, BinaryArgs, args.a[i] - args.b[i])
CHAINRULE_ELEMENTWISE(multiply, BinaryArgs, args.a[i] * args.b[i])
CHAINRULE_ELEMENTWISE(divide, BinaryArgs, args.a[i] / args.b[i])
CHAINRULE_ELEMENTWISE(maximum, BinaryArgs, args.a[i] > args.b[i] || std::isnan(args.a[i]) ? args.a[i] : args.b[i])
CHAINRULE_ELEMENTWISE(minimum, BinaryArgs, args.a[i] < args.b[i] || std::isnan(args.a[i]) ? args.a[i] : args.b[i])
CHAINRULE_ELEMENTWISE(exceeds, BinaryArgs, args.a[i] == args.b[i] ? args.alpha : args.a[i] > args.b[i] ? T{1} : T{0})
#undef CHAINRULE_ELEMENTWISE

/// v, or 0 where it is subnormal.
template <class T>
T flushed(T v) {
  return std::fabs(v) < std::numeric_limits<T>::min() ? 0 : v;
}

/// Decays w[i] and gives the gradient with its L2 term.
template <class T>
T decayed_gradient(const UpdateArgs<T>& args, std::size_t i) {
  args.w[i] *= args.scalars->decay_factor;
  return std::fma(args.scalars->weight_decay, args.w[i], args.g[i]);
}

template <class T>
void penalty_gradient(const PenaltyArgs<T>& args) {
  for (std::size_t i = 0; i < args.n; ++i) {
    const T w = args.w[i];
    const T sign = w > 0 ? args.l1 : w < 0 ? -args.l1 : T{0};
    args.g[i] = std::fma(2 * args.l2, w, args.g[i]) + sign;
  }
}

template <class T>
void update_sgd(const UpdateArgs<T>& args) {
  for (std::size_t i = 0; i < args.n; ++i) {
    const T g = decayed_gradient(args, i);
    args.w[i] = std::fma(-args.scalars->lr, g, args.w[i]);
  }
}

template <class T>
void update_momentum(const UpdateArgs<T>& args) {
  for (std::size_t i = 0; i < args.n; ++i) {
    const T g = decayed_gradient(args, i);
    args.first[i] = flushed(std::fma(args.scalars->momentum, args.first[i], g));
    args.w[i] = std::fma(-args.scalars->lr, args.first[i], args.w[i]);
  }
}

template <class T>
void update_nesterov(const UpdateArgs<T>& args) {
  for (std::size_t i = 0; i < args.n; ++i) {
    const T g = decayed_gradient(args, i);
    args.first[i] = flushed(std::fma(args.scalars->momentum, args.first[i], g));
    args.w[i] = std::fma(-args.scalars->lr, std::fma(args.scalars->momentum, args.first[i], g), args.w[i]);
  }
}

template <class T>
void update_adam(const UpdateArgs<T>& args) {
  const UpdateScalars<T>& s = *args.scalars;
  for (std::size_t i = 0; i < args.n; ++i) {
    const T g = decayed_gradient(args, i);
    args.first[i] = flushed(std::fma(s.beta1, args.first[i], s.one_minus_beta1 * g));
    args.second[i] = flushed(std::fma(s.beta2, args.second[i], s.one_minus_beta2 * g * g));
    const T denominator = std::fma(std::sqrt(args.second[i]), s.inverse_sqrt_bias2, s.epsilon);
    args.w[i] = std::fma(-s.lr, args.first[i] / denominator, args.w[i]);
  }
}

template <class T>
void update_rmsprop_any(const UpdateArgs<T>& args, bool centered, bool momentum) {
  const UpdateScalars<T>& s = *args.scalars;
  for (std::size_t i = 0; i < args.n; ++i) {
    const T g = decayed_gradient(args, i);
    args.first[i] = flushed(std::fma(s.beta2, args.first[i], s.one_minus_beta2 * g * g));
    T v = args.first[i];
    if (centered) {
      args.second[i] = flushed(std::fma(s.beta2, args.second[i], s.one_minus_beta2 * g));
      v = std::fma(-args.second[i], args.second[i], v);
      if (v < 0) v = 0;
    }
    T move = g / (std::sqrt(v) + s.epsilon);
    if (momentum) move = args.third[i] = flushed(std::fma(s.momentum, args.third[i], move));
    args.w[i] = std::fma(-s.lr, move, args.w[i]);
  }
}
template <class T>
void update_rmsprop(const UpdateArgs<T>& args) {
  update_rmsprop_any(args, false, false);
}
template <class T>
void update_rmsprop_momentum(const UpdateArgs<T>& args) {
  update_rmsprop_any(args, false, true);
}
template <class T>
void update_rmsprop_centered(const UpdateArgs<T>& args) {
  update_rmsprop_any(args, true, false);
}
template <class T>
void update_rmsprop_centered_momentum(const UpdateArgs<T>& args) {
  update_rmsprop_any(args, true, true);
}

template <class T>
void update_adagrad(const UpdateArgs<T>& args) {
  const UpdateScalars<T>& s = *args.scalars;
  for (std::size_t i = 0; i < args.n; ++i) {
    const T g = decayed_gradient(args, i);
    args.first[i] = flushed(std::fma(g, g, args.first[i]));
    args.w[i] = std::fma(-s.lr, g / (std::sqrt(args.first[i]) + s.epsilon), args.w[i]);
  }
}

template <class T>
void update_lion(const UpdateArgs<T>& args) {
  const UpdateScalars<T>& s = *args.scalars;
  for (std::size_t i = 0; i < args.n; ++i) {
    const T g = decayed_gradient(args, i);
    const T c = std::fma(s.beta1, args.first[i], s.one_minus_beta1 * g);
    args.first[i] = flushed(std::fma(s.beta2, args.first[i], s.one_minus_beta2 * g));
    args.w[i] = std::fma(-s.lr, c > 0 ? T{1} : c < 0 ? T{-1} : c, args.w[i]);
  }
}

template <class T>
void update_outer(void (*update)(const UpdateArgs<T>&), const OuterUpdateArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    for (std::size_t j = 0; j < args.panels * kPanelWidth<T>; ++j) {
      const T g = std::fma(*args.x.at(0, i), *args.dz.at(0, j), T{0});
      const std::ptrdiff_t at = args.w.at(i, j) - args.w.data;
      const auto state = [at](T* array) { return array == nullptr ? nullptr : array + at; };
      update({args.w.at(i, j), state(args.first), state(args.second), state(args.third), &g, 1, args.scalars});
    }
  }
}
#define CHAINRULE_UPDATE(name, Rule)                           \
  template <class T>                                           \
  void update_##name##_outer(const OuterUpdateArgs<T>& args) { \
    update_outer<T>(update_##name<T>, args);                   \
  }
#include "kernels/updates.inc"
#undef CHAINRULE_UPDATE

template <class T>
void moving_average(const UpdateArgs<T>& args) {
  for (std::size_t i = 0; i < args.n; ++i) {
    args.w[i] = flushed(std::fma(args.scalars->momentum, args.w[i], args.scalars->one_minus_beta1 * args.g[i]));
  }
}

template <class T>
void square_sum(const SquareSumArgs<T>& args) {
  for (std::size_t i = 0; i < args.n; ++i) {
    const auto g = static_cast<double>(args.g[i]);
    args.sums[i % kPanelWidth<T>] += g * g;
  }
}
