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

/// Where a rule works: w and its state; state that a rule does not keep is null and untouched.
template <class T>
struct UpdatePlace {
  T* w;
  T* first;
  T* second;
};

/// The velocity at offset i, moved on by the gradient g.
template <class T>
CHAINRULE_INLINE Vec<T> velocity(const UpdateScalars<T>& s, UpdatePlace<T> at, std::size_t i, Vec<T> g) {
  const Vec<T> v = flush_subnormal<T>(fma(splat(s.momentum), load(at.first + i), g));
  store(at.first + i, v);
  return v;
}

// The rules: the vectors at offset i, from the gradient.

struct Sgd {
  template <class T>
  CHAINRULE_INLINE static void apply(const UpdateScalars<T>& s, UpdatePlace<T> at, std::size_t i, Vec<T> gradient) {
    Vec<T> w = load(at.w + i);
    const Vec<T> g = decay(s, w, gradient);
    store(at.w + i, fma(splat(-s.lr), g, w));
  }
};

struct Momentum {
  template <class T>
  CHAINRULE_INLINE static void apply(const UpdateScalars<T>& s, UpdatePlace<T> at, std::size_t i, Vec<T> gradient) {
    Vec<T> w = load(at.w + i);
    const Vec<T> g = decay(s, w, gradient);
    const Vec<T> v = velocity(s, at, i, g);
    store(at.w + i, fma(splat(-s.lr), v, w));
  }
};

struct Nesterov {
  template <class T>
  CHAINRULE_INLINE static void apply(const UpdateScalars<T>& s, UpdatePlace<T> at, std::size_t i, Vec<T> gradient) {
    Vec<T> w = load(at.w + i);
    const Vec<T> g = decay(s, w, gradient);
    const Vec<T> v = velocity(s, at, i, g);
    store(at.w + i, fma(splat(-s.lr), fma(splat(s.momentum), v, g), w));
  }
};

struct Adam {
  template <class T>
  CHAINRULE_INLINE static void apply(const UpdateScalars<T>& s, UpdatePlace<T> at, std::size_t i, Vec<T> gradient) {
    Vec<T> w = load(at.w + i);
    const Vec<T> g = decay(s, w, gradient);
    const Vec<T> m = flush_subnormal<T>(fma(splat(s.beta1), load(at.first + i), s.one_minus_beta1 * g));
    const Vec<T> v = flush_subnormal<T>(fma(splat(s.beta2), load(at.second + i), s.one_minus_beta2 * g * g));
    store(at.first + i, m);
    store(at.second + i, v);
    const Vec<T> denominator = fma(sqrt(v), splat(s.inverse_sqrt_bias2), splat(s.epsilon));
    store(at.w + i, fma(splat(-s.lr), m / denominator, w));
  }
};

template <class T>
CHAINRULE_INLINE void penalty_gradient_kernel(const PenaltyArgs<T>& args) {
  for (std::size_t i = 0; i < args.n; i += kLanes<T>) {
    const Vec<T> w = load(args.w + i);
    const Vec<T> not_positive = w < Vec<T>{} ? splat(-args.l1) : Vec<T>{};
    store(args.g + i, fma(splat(args.l2 + args.l2), w, load(args.g + i)) + (w > Vec<T>{} ? splat(args.l1) : not_positive));
  }
}

template <class Rule, class T>
CHAINRULE_INLINE void update_array(UpdateArgs<T> args) {
  const UpdateScalars<T> s = *args.scalars;
  const UpdatePlace<T> at = {args.w, args.first, args.second};
  for (std::size_t i = 0; i < args.n; i += kLanes<T>) Rule::apply(s, at, i, load(args.g + i));
}

template <class Rule, class T>
CHAINRULE_INLINE void update_outer(OuterUpdateArgs<T> args) {
  constexpr std::size_t P = kPanelWidth<T>;
  const UpdateScalars<T> s = *args.scalars;
  const UpdatePlace<T> at = {args.w.data, args.first, args.second};
  for (std::size_t panel = 0; panel < args.panels; ++panel) {
#pragma GCC unroll 8
    for (std::size_t lane = 0; lane < P; lane += kLanes<T>) {
      const Vec<T> dz = load(args.dz.from_panel(panel).data + lane);
      std::size_t i = panel * args.w.stride + lane;
      for (std::size_t row = 0; row < args.rows; ++row, i += P) {
        Rule::apply(s, at, i, fma(splat(*args.x.at(0, row)), dz, Vec<T>{}));
      }
    }
  }
}

#define CHAINRULE_UPDATE(name, Rule)                                                   \
  template <class T>                                                                   \
  CHAINRULE_INLINE void update_##name##_kernel(const UpdateArgs<T>& args) {            \
    update_array<Rule>(args);                                                          \
  }                                                                                    \
  template <class T>                                                                   \
  CHAINRULE_INLINE void update_##name##_outer_kernel(const OuterUpdateArgs<T>& args) { \
    update_outer<Rule>(args);                                                          \
  }
#include "kernels/updates.inc"
#undef CHAINRULE_UPDATE
