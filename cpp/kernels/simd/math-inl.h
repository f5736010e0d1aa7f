// Elementary functions on vectors, the same bits on every instruction set: polynomials of explicit fma, no tables, no libm.
//
// A float function is evaluated in double, where a plain polynomial leaves errors of 2^-32 and less, and is rounded to float once;
// so results differ from the correctly rounded ones only where the exact value lies within 2^-32 of a tie: less than 0.51 ulp. A
// double function carries its leading terms as the sum of two doubles (pair-inl.h) and stays below 0.6 ulp or so. tests/cpp/ulp.cpp
// measures both. Coefficients are minimax: Remez exchange on 1000 to 3000 Chebyshev points in 50 digits, rounded to double; each
// set names its interval and its error before that rounding.

typedef std::uint64_t Bits __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
typedef std::uint32_t FloatBits __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));

// What the elementary functions are made of: in line, except where that has no hurry.
#if !defined(CHAINRULE_ELEMENTARY)
#define CHAINRULE_ELEMENTARY CHAINRULE_INLINE
#endif
// A lambda that must dissolve into the loop around it: called out of line, its vectors would travel through memory.
#define CHAINRULE_INLINE_LAMBDA __attribute__((always_inline))

/// c[0] + s c[2] + s^2 c[4] + ... by Horner's rule.
CHAINRULE_INLINE Vec<double> every_second(Vec<double>, double c) { return splat(c); }
CHAINRULE_INLINE Vec<double> every_second(Vec<double>, double c, double) { return splat(c); }
template <class... Rest>
CHAINRULE_INLINE Vec<double> every_second(Vec<double> s, double c, double, Rest... rest) {
  return fma(every_second(s, rest...), s, splat(c));
}
/// c[0] + x c[1] + x^2 c[2] + ...: even and odd powers in two chains, since one would leave the processor waiting for each fma.
template <class... Rest>
CHAINRULE_INLINE Vec<double> polynomial(Vec<double> x, double c, Rest... rest) {
  const Vec<double> square = x * x;
  return fma(every_second(square, rest...), x, every_second(square, c, rest...));
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

/// v, as a value that the compiler does not know: GCC 12 turns `a < b ? b : a` into one instruction, except where it sees a
/// constant. Only where one register holds v.
template <class V>
CHAINRULE_INLINE V opaque(V v) {
#if defined(__AVX512F__) || (defined(__x86_64__) && CHAINRULE_VECTOR_BYTES >= 16 && CHAINRULE_VECTOR_BYTES <= 32)
  asm("" : "+v"(v));
#endif
  return v;
}
// Bounds from below and above; NaN stays.
template <class V, class T>
CHAINRULE_INLINE V at_least(V v, T low) {
  return max(v, opaque(splat(low)));
}
template <class V, class T>
CHAINRULE_INLINE V at_most(V v, T high) {
  return min(v, opaque(splat(high)));
}
template <class V, class T>
CHAINRULE_INLINE V clamp(V v, T low, T high) {
  return at_most(at_least(v, low), high);
}

// A float vector as doubles and back. Where a vector of doubles is wider than 16 bytes, GCC 12 converts it in 16-byte pieces,
// through the stack, unless told the instruction. (A mask of all lanes: the forms without one read a register that GCC calls
// uninitialized.)
CHAINRULE_INLINE DoublePair widened(Vec<float> v) {
#if defined(__AVX512F__)
  return {_mm512_maskz_cvtps_pd(0xFF, _mm512_maskz_extractf32x8_ps(0xFF, v, 0)),
          _mm512_maskz_cvtps_pd(0xFF, _mm512_maskz_extractf32x8_ps(0xFF, v, 1))};
#elif defined(__AVX2__) && CHAINRULE_VECTOR_BYTES == 32
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
#else
  return to_doubles(v);
#endif
}
CHAINRULE_INLINE Vec<float> narrowed(DoublePair pair) {
#if defined(__AVX512F__)
  const __m256 low = _mm512_maskz_cvtpd_ps(0xFF, pair.low);
  const __m256 high = _mm512_maskz_cvtpd_ps(0xFF, pair.high);
  return __builtin_shufflevector((HalfVec)low, (HalfVec)high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif defined(__AVX2__) && CHAINRULE_VECTOR_BYTES == 32
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(pair.low)), _mm256_cvtpd_ps(pair.high), 1);
#else
  return to_floats(pair);
#endif
}

/// f of each lane, f taking and giving doubles; the only rounding to float is here.
template <class F>
CHAINRULE_INLINE Vec<float> in_doubles(Vec<float> v, F f) {
  const DoublePair x = widened(v);
  return narrowed({f(x.low), f(x.high)});
}

/// max(v, 0), one instruction: NaN stays NaN and -0 stays -0.
template <class V>
CHAINRULE_INLINE V relu(V v) {
  return max(v, opaque(V{}));
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

#include "kernels/simd/log-cosh-inl.h"

#include "kernels/simd/normal-inl.h"
