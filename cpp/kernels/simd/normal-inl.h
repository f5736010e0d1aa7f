// The normal distribution function Phi and gelu(x) = x Phi(x), accurate in the negative tail too:
// Phi(-z) = e^(-z^2 / 2) R(z) for z >= 0, where R falls slowly from 1/2; z^2 / 2 is exact (float) or a pair (double).
// R(z) = u S(t) with u = 1 / (z + 4) and t = 1 - 8 u, which spreads z = 0 ... infinity over -1 ... 1.

inline constexpr double kInverseSqrt2Pi = 0x1.9884533d43651p-2;

/// S(t) for z <= 15, relative error 2^-35.4.
CHAINRULE_INLINE Vec<double> mills_single(Vec<double> t) {
  return polynomial(t, 0x1.82b4bb8cadfddp-1, -0x1.373e3a8b20685p-1, 0x1.8c6dbf0fe3234p-2, -0x1.7dff2a6ce82a9p-3,
                    0x1.eec4e49a1caa9p-5, -0x1.ee2a17016c591p-8, -0x1.c827cb6c61032p-9, 0x1.abb8f475847a9p-10,
                    0x1.1d3c2928c58cep-13, -0x1.e70a98f841ee0p-13, -0x1.2554b15a7414ep-17, 0x1.13b5cbef57940p-15,
                    0x1.e2a4cf9894d95p-18);
}

/// e^(-z^2 / 2) and Phi(-z) of z = min(|x|, 15), to 2^-32.
struct NormalParts {
  Vec<double> bell;
  Vec<double> tail;
};
CHAINRULE_INLINE NormalParts normal_single(Vec<double> x) {
  const Vec<double> z = at_most(abs(x), 15.0);
  const Vec<double> u = 1.0 / (z + 4.0);
  const Vec<double> bell = exp_single(-0.5 * z * z);
  return {bell, bell * (u * mills_single(fma(u, splat(-8.0), splat(1.0))))};
}

/// -0 far below.
CHAINRULE_INLINE Vec<float> gelu(Vec<float> x) {
  return in_doubles(at_least(x, -15.0F), [](Vec<double> v) CHAINRULE_INLINE_LAMBDA {
    const Vec<double> tail = normal_single(v).tail;
    return v * (v < 0.0 ? tail : 1.0 - tail);
  });
}

/// Phi(x) + x e^(-x^2 / 2) / sqrt(2 pi).
CHAINRULE_INLINE Vec<double> gelu_slope(Vec<double> x, NormalParts parts) {
  return fma(kInverseSqrt2Pi * x, parts.bell, x < 0.0 ? parts.tail : 1.0 - parts.tail);
}
CHAINRULE_INLINE Vec<float> gelu_derivative(Vec<float> x) {
  return in_doubles(clamp(x, -15.0F, 15.0F), [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return gelu_slope(v, normal_single(v)); });
}

/// (1 + m) * power1 * power2 = e^(-z^2 / 2), and R(z) relative to 2^-57, for 0 <= z <= 40.
struct NormalPairs {
  ExpPair bell;
  Pair ratio;
};
CHAINRULE_INLINE NormalPairs normal_pairs(Vec<double> z) {
  const Pair square = two_product(z, z);
  const Pair shifted = two_sum(z, splat(4.0));
  const Vec<double> inverse = 1.0 / shifted.hi;
  const Pair u = {inverse, inverse * (fma(-inverse, shifted.hi, splat(1.0)) - inverse * shifted.lo)};
  const Pair t = add(splat(1.0), {-8.0 * u.hi, -8.0 * u.lo});
  // S(t) for z <= 40, relative error 2^-59.7; the three leading coefficients are added in pairs.
  const Vec<double> upper = polynomial(t.hi, -0x1.7dff2bff68362p-3, 0x1.eec4cc3e4d354p-5, -0x1.ee2761048f1eep-8,
                                       -0x1.c81719d55702bp-9, 0x1.ab825fc5366a4p-10, 0x1.17a4ae39aaa0dp-13, -0x1.e4a426aceb60fp-13,
                                       -0x1.001e638efdd24p-19, 0x1.26d0b612f7008p-15, 0x1.80b39aa417946p-21, -0x1.8d4e6ddea5b50p-18,
                                       -0x1.51ec9c2f7975dp-21, 0x1.1256f00327c81p-20, 0x1.236aac08c12a4p-22, -0x1.4e876795fee0bp-23,
                                       -0x1.6d7ac12f6a26fp-24, 0x1.e82c12dc880c2p-27, 0x1.5099287754127p-26, 0x1.6b5e22b25c7aep-30,
                                       -0x1.6ceaa3973a26bp-29, -0x1.3453a0a8ebe50p-31, 0x1.281218b9ddcbcp-34);
  const Pair s2 = add(Pair{splat(0x1.8c6dbf2cfc2b4p-2), splat(-0x1.68f1aeb022887p-56)}, multiply(t, {upper, Vec<double>{}}));
  const Pair s1 = add(Pair{splat(-0x1.373e3a893c28ap-1), splat(-0x1.c9edd571b8245p-56)}, multiply(t, s2));
  const Pair s0 = add(Pair{splat(0x1.82b4bb8c94dcep-1), splat(-0x1.a7dece4fc651cp-56)}, multiply(t, s1));
  return {exp_pair(-0.5 * square.hi, -0.5 * square.lo), multiply(u, s0)};
}

CHAINRULE_INLINE Vec<double> gelu(Vec<double> x) {
  const Vec<double> v = clamp(x, -40.0, 40.0);
  const NormalPairs parts = normal_pairs(abs(v));
  const Pair tail = scale(multiply(one_plus(parts.bell.m), parts.ratio), parts.bell.power1);
  const Pair upper = add(splat(1.0), scale(tail, -parts.bell.power2));
  const auto negative = v < 0.0;
  const Pair phi = {negative ? tail.hi : upper.hi, negative ? tail.lo : upper.lo};
  const Vec<double> y = fma(v, phi.hi, v * phi.lo) * (negative ? parts.bell.power2 : splat(1.0));
  return x > 40.0 ? x : with_sign_of(y, x);  // at -0 the sum of its two zeros is +0
}

CHAINRULE_INLINE Vec<double> gelu_derivative(Vec<double> x) {
  const Vec<double> v = clamp(x, -40.0, 40.0);
  const NormalPairs parts = normal_pairs(abs(v));
  const Vec<double> bell = one_plus(parts.bell.m).hi * parts.bell.power1 * parts.bell.power2;
  return gelu_slope(v, {bell, bell * rounded(parts.ratio)});
}
