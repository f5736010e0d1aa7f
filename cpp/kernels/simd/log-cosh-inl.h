// log(cosh(x)) from one exponential and one logarithm, with a = |x|: near 0, where a - ln 2 would cancel, log(1 + z) with
// z = cosh(x) - 1 = (e^-a - 1)^2 / (2 e^-a); beyond, a - ln 2 + log(1 + e^-2a).

inline constexpr double kLogCoshNear = 0.875;  // z is below sqrt(2) - 1 there, as the logarithm's polynomial wants it

CHAINRULE_INLINE Vec<float> log_cosh(Vec<float> x) {
  return in_doubles(abs(x), [](Vec<double> a) CHAINRULE_INLINE_LAMBDA {
    const auto near = a <= kLogCoshNear;
    const ExpParts parts = exp_parts(at_least(near ? -a : -(a + a), -120.0));
    const Vec<double> e = fma(parts.power, parts.m, parts.power);
    const Vec<double> e_minus_one = fma(parts.power, parts.m, parts.power - 1.0);
    const Vec<double> f = near ? e_minus_one * e_minus_one / (e + e) : e;
    return fma(f, log1p_over_f(f), near ? Vec<double>{} : a - kLn2);
  });
}

CHAINRULE_INLINE Vec<double> log_cosh(Vec<double> x) {
  const Vec<double> a = abs(x);
  const auto near = a <= kLogCoshNear;
  const ExpPair parts = exp_pair(at_least(near ? -a : -(a + a), -80.0), Vec<double>{});
  const Pair e = scale(scale(one_plus(parts.m), parts.power1), parts.power2);
  const Pair e_minus_one = minus_one(parts);
  const Pair z = divide(multiply(e_minus_one, e_minus_one), add(e, e));
  const Vec<double> f = near ? z.hi : e.hi;
  const Vec<double> f_lo = near ? z.lo : e.lo;
  const Pair tail = log1p_pair(f);
  const Pair line = two_sum(near ? Vec<double>{} : a, near ? Vec<double>{} : splat(-kLn2High));
  const Pair sum = two_sum(line.hi, tail.hi);
  const Vec<double> rest = (line.lo + tail.lo) + (f_lo / (1.0 + f) - (near ? Vec<double>{} : splat(kLn2Low)));
  return a > 40.0 ? a - kLn2 : sum.hi + (sum.lo + rest);
}
