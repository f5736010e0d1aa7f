// Compiled once per instruction set (cmake/Core.cmake), with CHAINRULE_LOOPS_ISA as the name. Contraction, off everywhere
// else, is on in this file: `a * b + c` is then the set's own fused multiply-add, or a multiplication and an addition where it has
// none, which is what its peak consists of.
#include "profile/machine_loops.h"

namespace chainrule::profile::CHAINRULE_LOOPS_ISA {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t kVectorBytes = 64;
constexpr std::size_t kChains = 24;
#elif defined(__AVX__)
constexpr std::size_t kVectorBytes = 32;
constexpr std::size_t kChains = 12;
#elif defined(__aarch64__)
constexpr std::size_t kVectorBytes = 16;
constexpr std::size_t kChains = 24;
#else
// Two instructions for each multiply-add, of which the product needs a register of its own.
constexpr std::size_t kVectorBytes = 16;
constexpr std::size_t kChains = 10;
#endif

// Two units with a latency of 4 or 5 cycles are busy from 8 or 10 chains on; 24 leave room for four units.
template <class T>
[[gnu::always_inline]] inline T fma_chains(std::size_t passes) {
  typedef T Vec __attribute__((vector_size(kVectorBytes)));
  volatile T seed = T(0.5);  // unknown to the compiler
  const Vec scale = seed - Vec{};
  const Vec shift = seed - Vec{};
  Vec sum[kChains];
#pragma GCC unroll 32
  for (std::size_t i = 0; i < kChains; ++i) sum[i] = shift + static_cast<T>(i);
  for (std::size_t pass = 0; pass < passes; ++pass) {
#pragma GCC unroll 32
    for (std::size_t i = 0; i < kChains; ++i) sum[i] = sum[i] * scale + shift;  // tends to 1: never subnormal
  }
  Vec total = {};
#pragma GCC unroll 32
  for (std::size_t i = 0; i < kChains; ++i) total += sum[i];
  return total[0];
}

template <class T>
constexpr double flops_of_a_pass() {
  return 2.0 * kChains * kVectorBytes / sizeof(T);
}

float fma_f32(std::size_t passes) { return fma_chains<float>(passes); }
double fma_f64(std::size_t passes) { return fma_chains<double>(passes); }

void triad(double* a, const double* b, const double* c, double s, std::size_t n) {
  typedef double Vec __attribute__((vector_size(kVectorBytes)));
  const Vec scale = s - Vec{};
  for (std::size_t i = 0; i < n; i += kVectorBytes / sizeof(double)) {
    *reinterpret_cast<Vec*>(a + i) = *reinterpret_cast<const Vec*>(b + i) + scale * *reinterpret_cast<const Vec*>(c + i);
  }
}

#define CHAINRULE_TEXT_OF(isa) #isa
#define CHAINRULE_TEXT(isa) CHAINRULE_TEXT_OF(isa)

}  // namespace

extern const MachineLoops kLoops;
const MachineLoops kLoops = {CHAINRULE_TEXT(CHAINRULE_LOOPS_ISA), fma_f32, fma_f64, flops_of_a_pass<float>(),
                             flops_of_a_pass<double>(),           triad};

}  // namespace chainrule::profile::CHAINRULE_LOOPS_ISA
