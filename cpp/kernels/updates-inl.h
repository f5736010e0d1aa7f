// Optimizer updates, in place; formulas as in PyTorch's torch.optim. With g the gradient and s the scalars:
//   w  = decay_factor w                     decoupled decay
//   g' = g + weight_decay w                 L2 term
//   sgd       w = w - lr g'
//   momentum  v = momentum v + g';  w = w - lr v
//   nesterov  v as above;           w = w - lr (g' + momentum v)
//   adam      m = beta1 m + (1 - beta1) g';  v = beta2 v + (1 - beta2) g'^2;  w = w - lr m / (sqrt(v) inverse_sqrt_bias2 + epsilon)
//   rmsprop   v = beta2 v + (1 - beta2) g'^2;  q = g' / (sqrt(v) + epsilon);  w = w - lr q
//             centered: m = beta2 m + (1 - beta2) g', and v - m^2, at least 0, under the root; momentum: u = momentum u + q, for q
//   adagrad   v = v + g'^2;  w = w - lr g' / (sqrt(v) + epsilon)
//   lion      w = w - lr sign(beta1 m + (1 - beta1) g');  m = beta2 m + (1 - beta2) g'     (Chen et al. 2023; sign(0) = 0)
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
  T* third;
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

/// first: the mean square; second: the mean where centered; third: the velocity where there is momentum.
template <bool kCentered, bool kMomentum>
struct RmspropRule {
  template <class T>
  CHAINRULE_INLINE static void apply(const UpdateScalars<T>& s, UpdatePlace<T> at, std::size_t i, Vec<T> gradient) {
    Vec<T> w = load(at.w + i);
    const Vec<T> g = decay(s, w, gradient);
    Vec<T> v = flush_subnormal<T>(fma(splat(s.beta2), load(at.first + i), s.one_minus_beta2 * g * g));
    store(at.first + i, v);
    if constexpr (kCentered) {
      const Vec<T> m = flush_subnormal<T>(fma(splat(s.beta2), load(at.second + i), s.one_minus_beta2 * g));
      store(at.second + i, m);
      v = fma(-m, m, v);
      v = v < Vec<T>{} ? Vec<T>{} : v;  // by rounding only
    }
    Vec<T> move = g / (sqrt(v) + s.epsilon);
    if constexpr (kMomentum) {
      move = flush_subnormal<T>(fma(splat(s.momentum), load(at.third + i), move));
      store(at.third + i, move);
    }
    store(at.w + i, fma(splat(-s.lr), move, w));
  }
};
using Rmsprop = RmspropRule<false, false>;
using RmspropMomentum = RmspropRule<false, true>;
using RmspropCentered = RmspropRule<true, false>;
using RmspropCenteredMomentum = RmspropRule<true, true>;

struct Adagrad {
  template <class T>
  CHAINRULE_INLINE static void apply(const UpdateScalars<T>& s, UpdatePlace<T> at, std::size_t i, Vec<T> gradient) {
    Vec<T> w = load(at.w + i);
    const Vec<T> g = decay(s, w, gradient);
    const Vec<T> v = flush_subnormal<T>(fma(g, g, load(at.first + i)));
    store(at.first + i, v);
    store(at.w + i, fma(splat(-s.lr), g / (sqrt(v) + s.epsilon), w));
  }
};

struct Lion {
  template <class T>
  CHAINRULE_INLINE static void apply(const UpdateScalars<T>& s, UpdatePlace<T> at, std::size_t i, Vec<T> gradient) {
    Vec<T> w = load(at.w + i);
    const Vec<T> g = decay(s, w, gradient);
    const Vec<T> m = load(at.first + i);
    const Vec<T> c = fma(splat(s.beta1), m, s.one_minus_beta1 * g);
    const Vec<T> one = splat(T{1});
    const Vec<T> sign = c > Vec<T>{} ? one : c < Vec<T>{} ? -one : c;  // 0 and NaN stay what they are
    store(at.first + i, flush_subnormal<T>(fma(splat(s.beta2), m, s.one_minus_beta2 * g)));
    store(at.w + i, fma(splat(-s.lr), sign, w));
  }
};

template <class Rule, class T>
CHAINRULE_INLINE void update_array(UpdateArgs<T> args) {
  const UpdateScalars<T> s = *args.scalars;
  const UpdatePlace<T> at = {args.w, args.first, args.second, args.third};
  for (std::size_t i = 0; i < args.n; i += kLanes<T>) Rule::apply(s, at, i, load(args.g + i));
}

template <class Rule, class T>
CHAINRULE_INLINE void update_outer(OuterUpdateArgs<T> args) {
  constexpr std::size_t P = kPanelWidth<T>;
  const UpdateScalars<T> s = *args.scalars;
  const UpdatePlace<T> at = {args.w.data, args.first, args.second, args.third};
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

/// w = momentum w + (1 - momentum) g, with g another array's elements now and one_minus_beta1 for 1 - momentum.
template <class T>
CHAINRULE_INLINE void moving_average_kernel(const UpdateArgs<T>& args) {
  const UpdateScalars<T> s = *args.scalars;
  for (std::size_t i = 0; i < args.n; i += kLanes<T>) {
    const Vec<T> average = fma(splat(s.momentum), load(args.w + i), s.one_minus_beta1 * load(args.g + i));
    store(args.w + i, flush_subnormal<T>(average));
  }
}

CHAINRULE_INLINE void add_squares(Vec<float> g, Vec<double>* sums) {
  const DoublePair wide = to_doubles(g);
  sums[0] += wide.low * wide.low;
  sums[1] += wide.high * wide.high;
}
CHAINRULE_INLINE void add_squares(Vec<double> g, Vec<double>* sums) { sums[0] += g * g; }

template <class T>
CHAINRULE_INLINE void square_sum_kernel(const SquareSumArgs<T>& args) {
  constexpr std::size_t kWide = sizeof(double) / sizeof(T);  // vectors of doubles for one of T
  Vec<double> sums[kVectorsPerPanel<T> * kWide];
  __builtin_memcpy(sums, args.sums, sizeof(sums));
  for (std::size_t i = 0; i < args.n; i += kPanelWidth<T>) {
#pragma GCC unroll 8
    for (std::size_t v = 0; v < kVectorsPerPanel<T>; ++v) add_squares(load(args.g + i + v * kLanes<T>), sums + v * kWide);
  }
  __builtin_memcpy(args.sums, sums, sizeof(sums));
}
