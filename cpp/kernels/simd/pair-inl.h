// Unevaluated sums of two doubles, hi + lo with |lo| small against |hi|: what the double functions carry their leading terms in.
// Dekker, "A floating-point technique for extending the available precision", 1971; Knuth, TAOCP 2, section 4.2.2.

struct Pair {
  Vec<double> hi;
  Vec<double> lo;
};

/// a + b exactly, for |a| >= |b| or a = 0.
CHAINRULE_INLINE Pair fast_two_sum(Vec<double> a, Vec<double> b) {
  const Vec<double> sum = a + b;
  return {sum, (a - sum) + b};
}

/// a + b exactly.
CHAINRULE_INLINE Pair two_sum(Vec<double> a, Vec<double> b) {
  const Vec<double> sum = a + b;
  const Vec<double> b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

/// a * b exactly (barring underflow).
CHAINRULE_INLINE Pair two_product(Vec<double> a, Vec<double> b) {
  const Vec<double> product = a * b;
  return {product, fma(a, b, -product)};
}

CHAINRULE_INLINE Pair add(Vec<double> a, Pair b) {
  const Pair sum = two_sum(a, b.hi);
  return {sum.hi, sum.lo + b.lo};
}

CHAINRULE_INLINE Pair add(Pair a, Pair b) {
  const Pair sum = two_sum(a.hi, b.hi);
  return {sum.hi, sum.lo + (a.lo + b.lo)};
}

CHAINRULE_INLINE Pair multiply(Pair a, Pair b) {
  const Pair product = two_product(a.hi, b.hi);
  return {product.hi, product.lo + fma(a.hi, b.lo, a.lo * b.hi)};
}

/// One division: the quotient's rest is multiplied by the reciprocal that it used.
CHAINRULE_INLINE Pair divide(Pair a, Pair b) {
  const Vec<double> inverse = 1.0 / b.hi;
  const Vec<double> q = a.hi * inverse;
  const Vec<double> rest = fma(-q, b.hi, a.hi) + fma(-q, b.lo, a.lo);
  return {q, rest * inverse};
}

/// Exact scaling by a power of two (barring underflow).
CHAINRULE_INLINE Pair scale(Pair a, Vec<double> s) { return {a.hi * s, a.lo * s}; }

/// The pair, rounded once.
CHAINRULE_INLINE Vec<double> rounded(Pair a) { return a.hi + a.lo; }
