// e^x and e^x - 1.  x = n ln 2 + r with integer n and |r| <= ln(2) / 2, so e^x = 2^n e^r.

inline constexpr double kLog2E = 0x1.71547652b82fep+0;
inline constexpr double kLn2 = 0x1.62e42fefa39efp-1;
// ln 2 as a sum: the first part has 11 trailing zeros, so that its product with an exponent is exact.
inline constexpr double kLn2High = 0x1.62e42fefa3800p-1;
inline constexpr double kLn2Low = 0x1.ef35793c76730p-45;
// Added to |x| < 2^51, it leaves x rounded to an integer in the low bits of the sum (and of its bit pattern).
inline constexpr double kRounder = 0x1.8p52;

/// 2^n from n + kRounder, for -1023 < n < 1024: only the 11 bits of the biased exponent survive the shift.
CHAINRULE_INLINE Vec<double> power_of_two(Vec<double> n_plus_rounder) { return (Vec<double>)(((Bits)n_plus_rounder + 1023) << 52); }

// For float results.

/// e^x = power (1 + m), e^x - 1 = power m + (power - 1), both to 2^-32; for |x| < 700.
struct ExpParts {
  Vec<double> m;
  Vec<double> power;
};
CHAINRULE_INLINE ExpParts exp_parts(Vec<double> x) {
  const Vec<double> shifted = fma(x, splat(kLog2E), splat(kRounder));
  const Vec<double> n = shifted - kRounder;
  const Vec<double> r = fma(n, splat(-kLn2), x);
  // (e^r - 1) / r on |r| <= 0.34661, relative error 2^-32.0.
  const Vec<double> q = polynomial(r, 0x1.0000000022542p+0, 0x1.00000028190e1p-1, 0x1.555554c5f40ffp-3, 0x1.5554ada56c6e6p-5,
                                   0x1.1111a683c9b1dp-7, 0x1.6d7491fc7415bp-10, 0x1.a019e8ada9e64p-13);
  return {r * q, power_of_two(shifted)};
}
CHAINRULE_ELEMENTARY Vec<double> exp_single(Vec<double> x) {
  const ExpParts e = exp_parts(x);
  return fma(e.power, e.m, e.power);
}
CHAINRULE_ELEMENTARY Vec<double> expm1_single(Vec<double> x) {
  const ExpParts e = exp_parts(x);
  return fma(e.power, e.m, e.power - 1.0);
}

CHAINRULE_INLINE Vec<float> exp(Vec<float> x) {
  // Beyond these e^x rounds to 0 and to infinity. A NaN passes both comparisons.
  const Vec<float> clamped = clamp(x, -104.0F, 89.0F);
  return in_doubles(clamped, [](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return exp_single(v); });
}

/// e^x - 1 for x <= 0.
CHAINRULE_INLINE Vec<float> expm1_negative(Vec<float> x, double factor) {
  const Vec<float> clamped = at_least(x, -40.0F);  // far below, it is -1
  return in_doubles(clamped, [factor](Vec<double> v) CHAINRULE_INLINE_LAMBDA { return factor * expm1_single(v); });
}

// For double results.

/// e^(x + x_lo) = (1 + m) * power1 * power2, relative error 2^-60. Two powers, each within range where their product is not.
struct ExpPair {
  Pair m;
  Vec<double> power1;
  Vec<double> power2;
};
/// For |x| < 1400, |x_lo| at most an ulp of x.
CHAINRULE_INLINE ExpPair exp_pair(Vec<double> x, Vec<double> x_lo) {
  const Vec<double> n = fma(x, splat(kLog2E), splat(kRounder)) - kRounder;
  const Vec<double> r_high = fma(n, splat(-kLn2High), x);  // exact: |r| < 1/2 is a multiple of 2^-53
  const Vec<double> correction = n * kLn2Low;
  const Vec<double> r = r_high - correction;
  const Vec<double> r_lo = ((r_high - r) - correction) + x_lo;
  // (e^r - 1 - r - r^2 / 2) / r^3 on |r| <= 0.34661; times r^3 the error is 2^-61.7 of r.
  const Vec<double> q =
      polynomial(r, 0x1.5555555555559p-3, 0x1.5555555555559p-5, 0x1.111111110f6ddp-7, 0x1.6c16c16c14a78p-10, 0x1.a01a01afd58adp-13,
                 0x1.a01a01af67439p-16, 0x1.71ddf87675fa3p-19, 0x1.27e4c7bd9085ep-22, 0x1.af5e87f18a4b2p-26, 0x1.1f92c96be9f51p-29);
  const Pair square = two_product(r, r);
  const Pair m = fast_two_sum(r, 0.5 * square.hi);
  const Vec<double> cubic = square.hi * r * q;
  const Vec<double> rest = fma(splat(0.5), square.lo, cubic) + fma(r_lo, m.hi + cubic, r_lo);
  const Vec<double> half_shifted = fma(n, splat(0.5), splat(kRounder));
  const Vec<double> other_shifted = (n - (half_shifted - kRounder)) + kRounder;
  return {{m.hi, m.lo + rest}, power_of_two(half_shifted), power_of_two(other_shifted)};
}

/// 1 + m with |lo| below half an ulp of hi.
CHAINRULE_INLINE Pair one_plus(Pair m) {
  const Pair sum = fast_two_sum(splat(1.0), m.hi);
  return fast_two_sum(sum.hi, sum.lo + m.lo);
}

CHAINRULE_ELEMENTARY Vec<double> exp(Vec<double> x) {
  const Vec<double> clamped = clamp(x, -746.0, 710.0);
  const ExpPair e = exp_pair(clamped, Vec<double>{});
  return one_plus(e.m).hi * e.power1 * e.power2;
}

/// e^x - 1 from the parts of e^x, -60 <= x <= 0; |lo| at most half an ulp of hi.
CHAINRULE_INLINE Pair minus_one(ExpPair e) {
  const Vec<double> power = e.power1 * e.power2;
  const Pair less_one = fast_two_sum(splat(-1.0), power);
  const Pair sum =
      fast_two_sum(less_one.hi, power * e.m.hi);  // the first is 0 or at least 1/2 in magnitude, the second at most 0.21
  return fast_two_sum(sum.hi, fma(power, e.m.lo, sum.lo + less_one.lo));
}
CHAINRULE_ELEMENTARY Pair expm1_pair(Vec<double> x) { return minus_one(exp_pair(x, Vec<double>{})); }
CHAINRULE_ELEMENTARY Vec<double> expm1_negative(Vec<double> x, double factor) {
  const Pair e = expm1_pair(at_least(x, -40.0));
  return fma(splat(factor), e.hi, factor * e.lo);
}
