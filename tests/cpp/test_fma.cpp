// The fma of the baseline set, emulated without the instruction, against the C library's: many millions of random bit patterns, of
// which most are bent towards what breaks emulations: ties, cancellation, subnormal results, overflow, infinity and NaN.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>

#include "check.h"
#include "kernel_data.h"
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

using namespace chainrule::kernels;
using chainrule::test::same;

#define CHAINRULE_INLINE inline
#define CHAINRULE_VECTOR_BYTES 16
#include "kernels/simd/vec-inl.h"

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// Any pattern.
float any(std::mt19937_64& random) { return from_bits(static_cast<std::uint32_t>(random())); }
/// A short fraction (so that products and sums meet ties) and an exponent within `spread` of `exponent`.
float near(std::mt19937_64& random, int exponent, int spread) {
  const auto word = static_cast<std::uint32_t>(random());
  const int shift = static_cast<int>(random() % 24);
  const int biased = exponent + static_cast<int>(random() % static_cast<std::uint64_t>(2 * spread + 1)) - spread;
  const auto clipped = static_cast<std::uint32_t>(biased < 0 ? 0 : biased > 255 ? 255 : biased);
  return from_bits((word & 0x80000000U) | clipped << 23U |
                   (word >> static_cast<unsigned>(shift) << static_cast<unsigned>(shift) & 0x7FFFFFU));
}

struct Operands {
  float a, b, c;
};
Operands draw(std::mt19937_64& random) {
  switch (random() % 6) {
    case 0:
      return {any(random), any(random), any(random)};
    case 1: {  // a product near c: cancellation, and c near a half unit of it
      const float a = near(random, 127, 30);
      const float b = near(random, 127, 30);
      const float product = a * b;
      const float scaled = std::ldexp(product, static_cast<int>(random() % 60) - 30);
      return {a, b, random() % 2 == 0 ? -product : scaled};
    }
    case 2:  // around the smallest numbers
      return {near(random, 64, 20), near(random, 64, 20), near(random, 2, 3)};
    case 3:  // around the largest
      return {near(random, 191, 8), near(random, 191, 8), near(random, 253, 2)};
    case 4: {  // the exact negative of a product of short fractions
      const float a = from_bits(static_cast<std::uint32_t>(random()) & 0xBFFFF000U);
      const float b = from_bits(static_cast<std::uint32_t>(random()) & 0xBFFFF000U);
      return {a, b, -(a * b)};
    }
    default:
      return {near(random, 127, 10), near(random, 127, 10), near(random, 127, 40)};
  }
}

void test_float(long count) {
  constexpr std::size_t kN = kLanes<float>;
  std::mt19937_64 random(7);
  long wrong = 0;
  for (long i = 0; i < count; i += static_cast<long>(kN)) {
    float a[kN];
    float b[kN];
    float c[kN];
    for (std::size_t lane = 0; lane < kN; ++lane) {
      const Operands o = draw(random);
      a[lane] = o.a;
      b[lane] = o.b;
      c[lane] = o.c;
    }
    const Vec<float> y = fma(load(a), load(b), load(c));
    for (std::size_t lane = 0; lane < kN; ++lane) {
      if (same(y[lane], std::fmaf(a[lane], b[lane], c[lane]))) continue;
      if (++wrong <= 10) std::printf("fma(%a, %a, %a) = %a\n", a[lane], b[lane], c[lane], y[lane]);
    }
  }
  CHECK_THAT(wrong == 0, wrong << " of " << count << " differ");
}

}  // namespace

int main(int argc, char** argv) {
  test_float(argc > 1 ? std::atol(argv[1]) : 12'000'000);
  return chainrule::test::finish();
}
