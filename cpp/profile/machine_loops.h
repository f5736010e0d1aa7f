// What the machine itself can do, in loops compiled once per instruction set: chains of multiply-adds in registers, and the triad
// a = b + s c of the STREAM benchmark (McCalpin 1995).
#pragma once

#include <cstddef>

namespace chainrule::profile {

struct MachineLoops {
  const char* isa;
  /// Runs `passes` passes of independent chains; the result only keeps the compiler from leaving them out.
  float (*fma_f32)(std::size_t passes);
  double (*fma_f64)(std::size_t passes);
  /// Floating-point operations of one pass, a multiply-add being two.
  double flops_f32;
  double flops_f64;
  /// a[i] = b[i] + s * c[i] for n elements, n a multiple of 8; 64-byte aligned.
  void (*triad)(double* a, const double* b, const double* c, double s, std::size_t n);
};

/// The loops of an instruction set by its name; nullptr where the build has none.
[[nodiscard]] const MachineLoops* machine_loops_of(const char* isa) noexcept;

}  // namespace chainrule::profile
