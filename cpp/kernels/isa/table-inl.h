// Compiles every kernel for one instruction set and fills its table. The including file defines CHAINRULE_ISA (the namespace)
// and CHAINRULE_VECTOR_BYTES, and nothing else.
//
// Everything but that function has internal linkage, and no standard container or algorithm is used: a weak symbol compiled here
// with wide instructions could become the whole program's copy.

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/isa/tables.h"
#include "kernels/table.h"

#define CHAINRULE_INLINE inline __attribute__((always_inline))
#define CHAINRULE_INLINE_LAMBDA __attribute__((always_inline))

namespace chainrule::CHAINRULE_ISA {

using namespace chainrule::kernels;

namespace {
#include "kernels/simd/vec-inl.h"

#include "kernels/simd/math-inl.h"

#include "kernels/batch-inl.h"
#include "kernels/elementwise-inl.h"
#include "kernels/gemm/tile-inl.h"

#include "kernels/gemm/gemm-inl.h"
#include "kernels/gemm/sparse-inl.h"
#include "kernels/gemm/transpose-inl.h"
#include "kernels/gemm/weight_gradient-inl.h"
#include "kernels/losses-inl.h"
#include "kernels/metrics-inl.h"
#include "kernels/normalize-inl.h"
#include "kernels/rows-inl.h"
#include "kernels/updates-inl.h"
}  // namespace

// The functions that profilers name, chainrule::<isa>::<kernel>_f32 and _f64: never inlined, never exported.
#define CHAINRULE_KERNEL(name, Args)                                                                        \
  __attribute__((noinline)) static void name##_f32(const Args<float>& args) { name##_kernel<float>(args); } \
  __attribute__((noinline)) static void name##_f64(const Args<double>& args) { name##_kernel<double>(args); }
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL

#define CHAINRULE_TEXT_OF(isa) #isa
#define CHAINRULE_TEXT(isa) CHAINRULE_TEXT_OF(isa)

const Tables& tables() {
  static constexpr Tables kTables = {CHAINRULE_TEXT(CHAINRULE_ISA),
                                     CHAINRULE_VECTOR_BYTES,
                                     kFused,
                                     {
#define CHAINRULE_KERNEL(name, Args) name##_f32,
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL
                                     },
                                     {
#define CHAINRULE_KERNEL(name, Args) name##_f64,
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL
                                     }};
  return kTables;
}

}  // namespace chainrule::CHAINRULE_ISA
