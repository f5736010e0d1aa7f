// Functions of e^x: sigmoid, tanh, softplus, silu, mish, and the derivatives that are computed from x.
// For double, arguments are cut where the function has become its asymptote, so that no product of infinity and 0 arises.

// For float results: formulas of x and a power of e, written so that nothing cancels.

CHAINRULE_INLINE Vec<float> sigmoid(Vec<float> x) {
  const Vec<float> clamped = clamp(x, -104.0F, 104.0F);
  return in_doubles(-clamped, [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return 1.0 / (1.0 + exp_single(v)); });
}

/// tanh |x| = (e^2|x| - 1) / (e^2|x| + 1), and odd.
CHAINRULE_INLINE Vec<float> tanh(Vec<float> x) {
  const Vec<float> magnitude = at_most(abs(x), 10.0F);  // tanh 9.02 rounds to 1
  return with_sign_of(in_doubles(magnitude,
                                 [](Vec<double> v) CHAINRULE_INLINE_LAMBDA {
                                   const Vec<double> e = expm1_single(v + v);
                                   return e / (e + 2.0);
                                 }),
                      x);
}

/// x / (1 + e^-x); -0 far below.
CHAINRULE_INLINE Vec<float> silu(Vec<float> x) {
  return in_doubles(at_least(x, -120.0F),
                    [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return v / (1.0 + exp_single(at_least(-v, -104.0))); });
}

/// log(1 + e^-|x|) + c.
CHAINRULE_INLINE Vec<double> softplus_single(Vec<double> x, Vec<double> c) {
  return log1p_single(exp_single(at_least(-abs(x), -120.0)), c);
}
/// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|).
CHAINRULE_INLINE Vec<float> softplus(Vec<float> x) {
  return in_doubles(x, [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return softplus_single(v, max(v, Vec<double>{})); });
}
/// log(1 + e^-|x|).
CHAINRULE_INLINE Vec<float> softplus_tail(Vec<float> x) {
  return in_doubles(x, [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return softplus_single(v, Vec<double>{}); });
}

/// x tanh(log(1 + e^x)) = x q / (q + 2) with q = e^x (e^x + 2); -0 far below.
CHAINRULE_INLINE Vec<float> mish(Vec<float> x) {
  return in_doubles(at_least(x, -120.0F), [](Vec<double> v) CHAINRULE_INLINE_LAMBDA {
    const Vec<double> e = exp_single(at_most(v, 40.0));  // there the factor has become 1
    const Vec<double> q = e * (e + 2.0);
    return v * (q / (q + 2.0));
  });
}

// Derivatives, for both types: in double from e = e^-x or e^x.

/// s (1 + x (1 - s)) with s = sigmoid(x) = 1 / (1 + e), e = e^-x.
CHAINRULE_INLINE Vec<double> silu_slope(Vec<double> x, Vec<double> e) {
  const Vec<double> s = 1.0 / (1.0 + e);
  return fma(s * x, 1.0 - s, s);
}
/// d/dx of x q / (q + 2), q = e (e + 2), e = e^x: (q + 4 x e (1 + e) / (q + 2)) / (q + 2).
CHAINRULE_INLINE Vec<double> mish_slope(Vec<double> x, Vec<double> e) {
  const Vec<double> q = e * (e + 2.0);
  const Vec<double> inverse = 1.0 / (q + 2.0);
  return inverse * fma(inverse, 4.0 * x * e * (1.0 + e), q);
}
CHAINRULE_INLINE Vec<float> silu_derivative(Vec<float> x) {
  return in_doubles(clamp(x, -104.0F, 104.0F), [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return silu_slope(v, exp_single(-v)); });
}
CHAINRULE_INLINE Vec<double> silu_derivative(Vec<double> x) {
  const Vec<double> v = clamp(x, -700.0, 700.0);
  return silu_slope(v, exp(-v));
}
CHAINRULE_INLINE Vec<float> mish_derivative(Vec<float> x) {
  return in_doubles(clamp(x, -104.0F, 40.0F), [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return mish_slope(v, exp_single(v)); });
}
CHAINRULE_INLINE Vec<double> mish_derivative(Vec<double> x) {
  const Vec<double> v = clamp(x, -700.0, 40.0);
  return mish_slope(v, exp(v));
}

// For double results: quotients of pairs. Where e^x underflows, its second power of two is multiplied last.

/// The quotient is value * power.
struct ScaledPair {
  Pair value;
  Vec<double> power;
};

/// 1 / (1 + e^-x) for |x| <= 800, from e^-|x|.
CHAINRULE_INLINE ScaledPair sigmoid_pair(Vec<double> x) {
  const ExpPair parts = exp_pair(-abs(x), Vec<double>{});
  const Pair e = scale(one_plus(parts.m), parts.power1);
  const Pair scaled = scale(e, parts.power2);
  const Pair sum = fast_two_sum(splat(1.0), scaled.hi);
  const auto negative = x < 0.0;
  const Pair numerator = {negative ? e.hi : splat(1.0), negative ? e.lo : Vec<double>{}};
  return {divide(numerator, {sum.hi, sum.lo + scaled.lo}), negative ? parts.power2 : splat(1.0)};
}

CHAINRULE_INLINE Vec<double> sigmoid(Vec<double> x) {
  const ScaledPair s = sigmoid_pair(clamp(x, -800.0, 800.0));
  return rounded(s.value) * s.power;
}

CHAINRULE_INLINE Vec<double> silu(Vec<double> x) {
  const Vec<double> v = clamp(x, -800.0, 800.0);
  const ScaledPair s = sigmoid_pair(v);
  const Vec<double> y = fma(v, s.value.hi, v * s.value.lo) * s.power;
  return x > 800.0 ? x : y;
}

CHAINRULE_INLINE Vec<double> tanh(Vec<double> x) {
  const Vec<double> v = at_most(abs(x), 22.0);  // tanh 19.1 rounds to 1
  const Pair e = expm1_pair(-(v + v));
  const Pair sum = fast_two_sum(splat(2.0), e.hi);
  return with_sign_of(abs(rounded(divide({-e.hi, -e.lo}, {sum.hi, sum.lo + e.lo}))), x);
}

/// log(1 + e^-|x|) + c, c >= 0.
CHAINRULE_INLINE Vec<double> softplus_double(Vec<double> x, Vec<double> c) {
  const ExpPair parts = exp_pair(at_least(-abs(x), -800.0), Vec<double>{});
  const Pair e = scale(scale(one_plus(parts.m), parts.power1), parts.power2);
  const auto large = e.hi > kSqrt2Minus1;  // then 1 + e = 2 (1 + (e - 1) / 2)
  const Pair halved = fast_two_sum(splat(-0.5), 0.5 * e.hi);
  const Vec<double> f = large ? halved.hi : e.hi;
  const Vec<double> f_lo = large ? fma(splat(0.5), e.lo, halved.lo) : e.lo;
  const Pair tail = log1p_pair(f);
  const Pair sum = fast_two_sum(large ? splat(kLn2High) : Vec<double>{}, tail.hi);
  const Pair total = two_sum(c, sum.hi);
  const Vec<double> rest = (sum.lo + tail.lo) + (f_lo / (1.0 + f) + (large ? splat(kLn2Low) : Vec<double>{}));
  return total.hi + (total.lo + rest);
}
CHAINRULE_INLINE Vec<double> softplus(Vec<double> x) {
  const Vec<double> y = softplus_double(x, max(x, Vec<double>{}));
  return x > 40.0 ? x : y;
}
CHAINRULE_INLINE Vec<double> softplus_tail(Vec<double> x) { return softplus_double(x, Vec<double>{}); }

CHAINRULE_INLINE Vec<double> mish(Vec<double> x) {
  const Vec<double> v = clamp(x, -800.0, 40.0);
  const ExpPair parts = exp_pair(v, Vec<double>{});
  const Pair e = scale(one_plus(parts.m), parts.power1);
  const Pair q = multiply(e, add(splat(2.0), scale(e, parts.power2)));  // still to be multiplied by power2
  const Pair y = divide(q, add(splat(2.0), scale(q, parts.power2)));
  return x > 40.0 ? x : with_sign_of(fma(v, y.hi, v * y.lo) * parts.power2, x);  // at -0 the sum of its two zeros is +0
}
