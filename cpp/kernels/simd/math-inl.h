// Elementary functions on vectors, the same bits on every instruction set: polynomials of explicit fma, no tables, no libm.
//
// A float function is evaluated in double, where a plain polynomial leaves errors of 2^-32 and less, and is rounded to float once; so
// results differ from the correctly rounded ones only where the exact value lies within 2^-32 of a tie: less than 0.51 ulp.
// A double function carries its leading terms as the sum of two doubles (pair-inl.h) and stays below 0.6 ulp or so.
// tests/cpp/ulp.cpp measures both. Coefficients are minimax: Remez exchange on 1000 to 3000 Chebyshev points in 50 digits, rounded to
// double; each set names its interval and its error before that rounding.

typedef std::uint64_t Bits __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
typedef std::uint32_t FloatBits __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));

// A lambda that must dissolve into the loop around it: called out of line, its vectors would travel through memory.
#define CHAINRULE_INLINE_LAMBDA __attribute__((always_inline))

/// c[0] + x (c[1] + x (c[2] + ...)).
CHAINRULE_INLINE Vec<double> horner(Vec<double>, double c) { return splat(c); }
template <class... Rest>
CHAINRULE_INLINE Vec<double> horner(Vec<double> x, double c, Rest... rest) {
  return fma(horner(x, rest...), x, splat(c));
}

CHAINRULE_INLINE Vec<float> abs(Vec<float> v) { return (Vec<float>)((FloatBits)v & 0x7FFFFFFFU); }
CHAINRULE_INLINE Vec<double> abs(Vec<double> v) { return (Vec<double>)((Bits)v & 0x7FFFFFFFFFFFFFFFU); }
/// |magnitude| must be `magnitude` itself: the sign bit is only set, never cleared.
CHAINRULE_INLINE Vec<float> with_sign_of(Vec<float> magnitude, Vec<float> sign) {
  return (Vec<float>)((FloatBits)magnitude | ((FloatBits)sign & 0x80000000U));
}
CHAINRULE_INLINE Vec<double> with_sign_of(Vec<double> magnitude, Vec<double> sign) {
  return (Vec<double>)((Bits)magnitude | ((Bits)sign & 0x8000000000000000U));
}

/// f of each lane, f taking and giving doubles; the only rounding to float is here.
template <class F>
CHAINRULE_INLINE Vec<float> in_doubles(Vec<float> v, F f) {
  const DoublePair x = to_doubles(v);
  return to_floats({f(x.low), f(x.high)});
}

/// max(v, 0), one instruction: NaN stays NaN and -0 stays -0.
template <class V>
CHAINRULE_INLINE V relu(V v) {
  return max(v, V{});
}
/// g where saved > 0, else +0: the derivative at 0 is 0. `saved` may be relu's x or y.
template <class V>
CHAINRULE_INLINE V relu_backward(V g, V saved) {
  return saved > V{} ? g : V{};
}

#include "kernels/simd/pair-inl.h"

#include "kernels/simd/exp-inl.h"
#include "kernels/simd/log-inl.h"

#include "kernels/simd/sigmoid-inl.h"

#include "kernels/simd/normal-inl.h"
