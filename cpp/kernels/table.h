// A table of kernels for each instruction set; chosen once per plan, never inside a loop.
#pragma once

#include "base/cpu.h"
#include "kernels/args.h"

namespace chainrule::kernels {

template <class T>
struct KernelTable {
#define CHAINRULE_KERNEL(name, Args) void (*name)(const Args<T>&);
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL
};

struct Tables {
  const char* isa;
  std::size_t vector_bytes;  // 0: plain loops
  bool fused;                // fma is an instruction, else it is emulated
  KernelTable<float> f32;
  KernelTable<double> f64;

  /// Elements that one instruction works on.
  template <class T>
  [[nodiscard]] std::size_t lanes() const noexcept {
    return vector_bytes == 0 ? 1 : vector_bytes / sizeof(T);
  }

  template <class T>
  [[nodiscard]] const KernelTable<T>& of() const noexcept {
    if constexpr (sizeof(T) == sizeof(float)) {
      return f32;
    } else {
      return f64;
    }
  }
};

/// The tables of a supported instruction set.
[[nodiscard]] const Tables& tables_of(Isa isa);
/// The tables of the instruction set chosen when first asked for (see choose_isa).
[[nodiscard]] const Tables& active_tables();
/// What active_tables gives from now on; null takes it back. For tests of tables that no instruction set of this build has.
void override_tables(const Tables* tables);
/// Plain scalar loops, each product and sum written out in the contract's order: what the others are tested against.
[[nodiscard]] const Tables& reference_tables();

}  // namespace chainrule::kernels
