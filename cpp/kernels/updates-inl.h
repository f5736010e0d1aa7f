// Optimizer updates, in place; formulas as in PyTorch's torch.optim. With g the gradient and s the scalars:
//   w  = decay_factor w                     decoupled decay
//   g' = g + weight_decay w                 L2 term
//   sgd       w = w - lr g'
//   momentum  v = momentum v + g';  w = w - lr v
//   nesterov  v as above;           w = w - lr (g' + momentum v)
//   adam      m = beta1 m + (1 - beta1) g';  v = beta2 v + (1 - beta2) g'^2;  w = w - lr m / (sqrt(v) inverse_sqrt_bias2 + epsilon)
// Each "a b + c" is one fma. State below the smallest normal number becomes 0, so that dead units cost no subnormal arithmetic.
// n is a multiple of the panel width, and every pointer that is used is 64-byte aligned; the arrays do not overlap.

template <class T>
inline constexpr T kSmallestNormal = sizeof(T) == sizeof(float) ? static_cast<T>(0x1p-126) : static_cast<T>(0x1p-1022);

/// v, or 0 where |v| is subnormal; NaN stays.
template <class T>
CHAINRULE_INLINE Vec<T> flush_subnormal(Vec<T> v) {
  return abs(v) < kSmallestNormal<T> ? Vec<T>{} : v;
}

/// Decays w in the loop's registers and gives the gradient with its L2 term.
template <class T>
CHAINRULE_INLINE Vec<T> decay(const UpdateScalars<T>& s, Vec<T>& w, Vec<T> g) {
  w = w * s.decay_factor;
  return fma(splat(s.weight_decay), w, g);
}

template <class T>
CHAINRULE_INLINE void update_sgd_kernel(const UpdateArgs<T>& args) {
  const UpdateScalars<T> s = *args.scalars;
  for (std::size_t i = 0; i < args.n; i += kLanes<T>) {
    Vec<T> w = load(args.w + i);
    const Vec<T> g = decay(s, w, load(args.g + i));
    store(args.w + i, fma(splat(-s.lr), g, w));
  }
}

template <class T>
CHAINRULE_INLINE void update_momentum_kernel(const UpdateArgs<T>& args) {
  const UpdateScalars<T> s = *args.scalars;
  for (std::size_t i = 0; i < args.n; i += kLanes<T>) {
    Vec<T> w = load(args.w + i);
    const Vec<T> g = decay(s, w, load(args.g + i));
    const Vec<T> v = flush_subnormal<T>(fma(splat(s.momentum), load(args.first + i), g));
    store(args.first + i, v);
    store(args.w + i, fma(splat(-s.lr), v, w));
  }
}

template <class T>
CHAINRULE_INLINE void update_nesterov_kernel(const UpdateArgs<T>& args) {
  const UpdateScalars<T> s = *args.scalars;
  for (std::size_t i = 0; i < args.n; i += kLanes<T>) {
    Vec<T> w = load(args.w + i);
    const Vec<T> g = decay(s, w, load(args.g + i));
    const Vec<T> v = flush_subnormal<T>(fma(splat(s.momentum), load(args.first + i), g));
    store(args.first + i, v);
    store(args.w + i, fma(splat(-s.lr), fma(splat(s.momentum), v, g), w));
  }
}

template <class T>
CHAINRULE_INLINE void update_adam_kernel(const UpdateArgs<T>& args) {
  const UpdateScalars<T> s = *args.scalars;
  for (std::size_t i = 0; i < args.n; i += kLanes<T>) {
    Vec<T> w = load(args.w + i);
    const Vec<T> g = decay(s, w, load(args.g + i));
    const Vec<T> m = flush_subnormal<T>(fma(splat(s.beta1), load(args.first + i), s.one_minus_beta1 * g));
    const Vec<T> v = flush_subnormal<T>(fma(splat(s.beta2), load(args.second + i), s.one_minus_beta2 * g * g));
    store(args.first + i, m);
    store(args.second + i, v);
    const Vec<T> denominator = fma(sqrt(v), splat(s.inverse_sqrt_bias2), splat(s.epsilon));
    store(args.w + i, fma(splat(-s.lr), m / denominator, w));
  }
}
