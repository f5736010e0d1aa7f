// Kernels that work element by element on n consecutive elements, any n, any alignment: activations and their derivatives (formulas
// as in PyTorch's torch.nn.functional), and the arithmetic that the graph needs. An output may be an input; every vector is read
// before it is written. The last few elements go through the same vector code as the others, so they get the same bits.

// activate_<name>(x, alpha) = f(x).

template <class V, class T>
CHAINRULE_INLINE V activate_linear(V x, T) {
  return x;
}
template <class V, class T>
CHAINRULE_INLINE V activate_relu(V x, T) {
  return relu(x);
}
template <class V, class T>
CHAINRULE_INLINE V activate_leaky_relu(V x, T alpha) {
  return x > V{} ? x : alpha * x;
}
/// x for x >= 0, alpha (e^x - 1) below.
template <class V, class T>
CHAINRULE_INLINE V activate_elu(V x, T alpha) {
  return x < V{} ? expm1_negative(x, static_cast<double>(alpha)) : x;
}
// Klambauer et al., "Self-normalizing neural networks", 2017.
inline constexpr double kSeluScale = 1.0507009873554804934193349852946;
inline constexpr double kSeluScaleAlpha =
    1.7580993408473768599402175208123;  // scale * 1.6732632423543772848170429916717, rounded once
CHAINRULE_INLINE Vec<float> times_selu_scale(Vec<float> x) {
  return in_doubles(x, [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return kSeluScale * v; });
}
CHAINRULE_INLINE Vec<double> times_selu_scale(Vec<double> x) { return kSeluScale * x; }
template <class V, class T>
CHAINRULE_INLINE V activate_selu(V x, T) {
  return x < V{} ? expm1_negative(x, kSeluScaleAlpha) : times_selu_scale(x);
}
template <class V, class T>
CHAINRULE_INLINE V activate_gelu(V x, T) {
  return gelu(x);
}
template <class V, class T>
CHAINRULE_INLINE V activate_silu(V x, T) {
  return silu(x);
}
template <class V, class T>
CHAINRULE_INLINE V activate_sigmoid(V x, T) {
  return sigmoid(x);
}
template <class V, class T>
CHAINRULE_INLINE V activate_tanh(V x, T) {
  return tanh(x);
}
template <class V, class T>
CHAINRULE_INLINE V activate_softplus(V x, T) {
  return softplus(x);
}
template <class V, class T>
CHAINRULE_INLINE V activate_mish(V x, T) {
  return mish(x);
}

// pull_back_<name>(g, saved, alpha) = g f'(x), saved being x or y as activations.inc says. A NaN in g or, for functions
// that are curved there, in saved gives NaN.

template <class V, class T>
CHAINRULE_INLINE V pull_back_linear(V g, V, T) {
  return g;
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_relu(V g, V y, T) {
  return relu_backward(g, y);
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_leaky_relu(V g, V y, T alpha) {
  return y > V{} ? g : alpha * g;
}
/// Below 0, f' = alpha e^x = y + alpha.
template <class V, class T>
CHAINRULE_INLINE V pull_back_elu(V g, V y, T alpha) {
  return y > V{} ? g : g * (y + alpha);
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_selu(V g, V y, T) {
  return g * (y > V{} ? splat(static_cast<T>(kSeluScale)) : y + static_cast<T>(kSeluScaleAlpha));
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_gelu(V g, V x, T) {
  return g * gelu_derivative(x);
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_silu(V g, V x, T) {
  return g * silu_derivative(x);
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_sigmoid(V g, V y, T) {
  return g * (y * (T{1} - y));
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_tanh(V g, V y, T) {
  return g * fma(-y, y, splat(T{1}));
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_softplus(V g, V x, T) {
  return g * sigmoid(x);
}
template <class V, class T>
CHAINRULE_INLINE V pull_back_mish(V g, V x, T) {
  return g * mish_derivative(x);
}

// args by value: a store might change what a reference refers to, and the pointers would be loaded again for each vector.

/// y[i] = f(x[i]).
template <class T, class F>
CHAINRULE_INLINE void for_each_element(UnaryArgs<T> args, F f) {
  std::size_t i = 0;
  for (; i + kLanes<T> <= args.n; i += kLanes<T>) store(args.y + i, f(load(args.x + i)));
  if (i < args.n) store_first(args.y + i, f(load_first(args.x + i, args.n - i)), args.n - i);
}

/// y[i] = f(a[i], b[i]).
template <class T, class F>
CHAINRULE_INLINE void for_each_element(BinaryArgs<T> args, F f) {
  std::size_t i = 0;
  for (; i + kLanes<T> <= args.n; i += kLanes<T>) store(args.y + i, f(load(args.a + i), load(args.b + i)));
  const std::size_t rest = args.n - i;
  if (rest != 0) store_first(args.y + i, f(load_first(args.a + i, rest), load_first(args.b + i, rest)), rest);
}

#define CHAINRULE_ACTIVATION(name, x_or_y, default_alpha)                                                      \
  template <class T>                                                                                           \
  CHAINRULE_INLINE void name##_forward_kernel(const UnaryArgs<T>& args) {                                      \
    const T a = args.alpha;                                                                                    \
    for_each_element(args, [a](Vec<T> x) CHAINRULE_INLINE_LAMBDA { return activate_##name(x, a); });           \
  }                                                                                                            \
  template <class T>                                                                                           \
  CHAINRULE_INLINE void name##_backward_kernel(const UnaryBackwardArgs<T>& args) {                             \
    const T a = args.alpha;                                                                                    \
    for_each_element(BinaryArgs<T>{args.g, args.saved, args.gx, args.n},                                       \
                     [a](Vec<T> g, Vec<T> at) CHAINRULE_INLINE_LAMBDA { return pull_back_##name(g, at, a); }); \
  }
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION

template <class T>
CHAINRULE_INLINE void exp_kernel(const UnaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> x) CHAINRULE_INLINE_LAMBDA { return exp(x); });
}
template <class T>
CHAINRULE_INLINE void log_kernel(const UnaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> x) CHAINRULE_INLINE_LAMBDA { return log(x); });
}
template <class T>
CHAINRULE_INLINE void sqrt_kernel(const UnaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> x) CHAINRULE_INLINE_LAMBDA { return sqrt(x); });
}
/// y = alpha x.
template <class T>
CHAINRULE_INLINE void scale_kernel(const UnaryArgs<T>& args) {
  const T alpha = args.alpha;
  for_each_element(args, [alpha](Vec<T> x) CHAINRULE_INLINE_LAMBDA { return alpha * x; });
}
template <class T>
CHAINRULE_INLINE void add_kernel(const BinaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return a + b; });
}
template <class T>
CHAINRULE_INLINE void subtract_kernel(const BinaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return a - b; });
}
template <class T>
CHAINRULE_INLINE void multiply_kernel(const BinaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return a * b; });
}
template <class T>
CHAINRULE_INLINE void divide_kernel(const BinaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return a / b; });
}
/// NaN in either is NaN.
template <class T>
CHAINRULE_INLINE void maximum_kernel(const BinaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return a > b ? a : a == a ? b : a; });
}
template <class T>
CHAINRULE_INLINE void minimum_kernel(const BinaryArgs<T>& args) {
  for_each_element(args, [](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return a < b ? a : a == a ? b : a; });
}
/// 1 where a > b, alpha where a = b, else 0.
template <class T>
CHAINRULE_INLINE void exceeds_kernel(const BinaryArgs<T>& args) {
  const Vec<T> tie = splat(args.alpha);
  for_each_element(args, [tie](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA {
    return a > b ? splat(T{1}) : a == b ? tie : Vec<T>{};
  });
}
