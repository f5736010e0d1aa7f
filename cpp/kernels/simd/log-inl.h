// log x and log(1 + x).  x = 2^n m with m in [sqrt(1/2), sqrt(2)), so log x = n ln 2 + log(1 + f) with f = m - 1 exact.

inline constexpr double kInfinity = __builtin_inf();
inline constexpr double kSqrt2Minus1 = 0x1.a827999fcef32p-2;

struct ExponentAndFraction {
  Vec<double> n;
  Vec<double> m;
};
/// For positive normal x.
CHAINRULE_INLINE ExponentAndFraction split(Vec<double> x) {
  constexpr std::uint64_t kSqrtHalf = 0x3FE6A09E667F3BCDU;  // bits of sqrt(1/2), which become those of 1
  constexpr std::uint64_t kOne = 0x3FF0000000000000U;       // and keep the biased exponent in its field
  constexpr std::uint64_t kTwoTo52 = 0x4330000000000000U;   // an integer below 2^52 in its low bits makes 2^52 + it
  const Bits moved = (Bits)x + (kOne - kSqrtHalf);
  const Vec<double> n = (Vec<double>)((moved >> 52) | kTwoTo52) - (0x1p52 + 1023.0);
  return {n, (Vec<double>)((moved & 0x000FFFFFFFFFFFFFU) + kSqrtHalf)};
}

// For float results.

/// log(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], relative error 2^-33.2.
CHAINRULE_ELEMENTARY Vec<double> log1p_over_f(Vec<double> f) {
  return polynomial(f, 0x1.0000000026655p+0, -0x1.0000001c64c38p-1, 0x1.5555541cf21b6p-2, -0x1.ffffa6b7f304ep-3,
                    0x1.999a31bdd61d3p-3, -0x1.55695232ee2a8p-3, 0x1.24912ed3971f9p-3, -0x1.fc5674fb329dcp-4, 0x1.c36d1038055e2p-4,
                    -0x1.bdb1745a74b79p-4, 0x1.b7a9328442bb7p-4, -0x1.ea4ba2eaf6fd0p-5);
}

/// log(1 + e) + c for 0 <= e <= 1.
CHAINRULE_ELEMENTARY Vec<double> log1p_single(Vec<double> e, Vec<double> c) {
  const auto large = e > kSqrt2Minus1;  // then 1 + e = 2 (1 + (e - 1) / 2)
  const Vec<double> f = large ? fma(e, splat(0.5), splat(-0.5)) : e;
  return fma(f, log1p_over_f(f), large ? c + kLn2 : c);
}

/// What log gives where x is not a positive finite number, else r.
template <class V>
CHAINRULE_INLINE V log_special(V x, V r) {
  using T = decltype(+x[0]);
  const V infinity = splat(static_cast<T>(kInfinity));
  const V below = x == V{} ? -infinity : splat(static_cast<T>(__builtin_nan("")));
  const V above = x < infinity ? r : x;
  return x > V{} ? above : below;
}

CHAINRULE_ELEMENTARY Vec<float> log(Vec<float> x) {
  const Vec<float> r = in_doubles(x, [](Vec<double> v) CHAINRULE_INLINE_LAMBDA {
    const ExponentAndFraction s = split(v);
    const Vec<double> f = s.m - 1.0;
    return fma(f, log1p_over_f(f), s.n * kLn2);
  });
  return log_special(x, r);
}

// For double results.

/// log(1 + f) on [sqrt(1/2) - 1, sqrt(2) - 1], relative error about 2^-57. With s = f / (2 + f), log(1 + f) = log((1 + s) / (1 -
/// s)) = 2 s + s R(s^2) = f - (f^2 / 2 - s (f^2 / 2 + R)), where only the last term, small against f, suffers from the rounding of
/// s.
CHAINRULE_ELEMENTARY Pair log1p_pair(Vec<double> f) {
  const Vec<double> s = f / (f + 2.0);
  const Vec<double> z = s * s;
  // R / z = (2 atanh(s) - 2 s) / s^3 on 0 <= z <= 0.02944; s R has the error 2^-59.5 of log(1 + f).
  const Vec<double> r = z * polynomial(z, 0x1.5555555555592p-1, 0x1.999999997fd9ep-2, 0x1.24924941f331bp-2, 0x1.c71c52074c7dcp-3,
                                       0x1.74663f6674fccp-3, 0x1.39a1ac761f56cp-3, 0x1.2f060140b4c0ap-3);
  const Pair square = two_product(f, f);
  const Vec<double> half = 0.5 * square.hi;
  const Pair head = fast_two_sum(f, -half);
  return {head.hi, head.lo + fma(s, half + r, -0.5 * square.lo)};
}

CHAINRULE_ELEMENTARY Vec<double> log(Vec<double> x) {
  const auto subnormal = x < 0x1p-1022;
  const ExponentAndFraction s = split(subnormal ? x * 0x1p54 : x);
  const Vec<double> n = subnormal ? s.n - 54.0 : s.n;
  const Pair tail = log1p_pair(s.m - 1.0);
  const Pair head = fast_two_sum(n * kLn2High, tail.hi);
  return log_special(x, head.hi + (head.lo + fma(n, splat(kLn2Low), tail.lo)));
}
