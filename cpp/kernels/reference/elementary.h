// Elementary functions of one number: simd/math-inl.h at the smallest width, with every fma the C library's. The polynomials are
// the contract, so that this is what other instruction sets must match; that they are right is tested against other libraries. Part
// of reference.cpp, inside its anonymous namespace.

#define CHAINRULE_REFERENCE
#define CHAINRULE_VECTOR_BYTES 8
#define CHAINRULE_INLINE inline

#include "kernels/simd/vec-inl.h"

#include "kernels/simd/math-inl.h"

/// f of one number, f being written for vectors.
#define CHAINRULE_SCALAR(name) \
  template <class T>           \
  T scalar_##name(T x) {       \
    return name(splat(x))[0];  \
  }
CHAINRULE_SCALAR(exp)
CHAINRULE_SCALAR(log)
CHAINRULE_SCALAR(sigmoid)
CHAINRULE_SCALAR(tanh)
CHAINRULE_SCALAR(softplus)
CHAINRULE_SCALAR(softplus_tail)
CHAINRULE_SCALAR(log_cosh)
CHAINRULE_SCALAR(gelu)
CHAINRULE_SCALAR(silu)
CHAINRULE_SCALAR(mish)
CHAINRULE_SCALAR(gelu_derivative)
CHAINRULE_SCALAR(silu_derivative)
CHAINRULE_SCALAR(mish_derivative)
#undef CHAINRULE_SCALAR

template <class T>
T scalar_expm1_negative(T x, double factor) {
  return expm1_negative(splat(x), factor)[0];
}
