// The processor: which instruction sets it has, and which one the kernels use.
#pragma once

#include <string>
#include <vector>

namespace chainrule {

enum class Isa { baseline, avx2, avx512, neon };

[[nodiscard]] const char* name_of(Isa isa) noexcept;
/// Instruction sets that this build carries and this processor (and operating system) can run, slowest first.
[[nodiscard]] std::vector<Isa> supported_isas();
/// The fastest supported set, or the one that CHAINRULE_ISA forces. std::invalid_argument for an unknown name or one that the CPU
/// lacks: better an error than an illegal instruction.
[[nodiscard]] Isa choose_isa();
/// The processor's own name, as /proc/cpuinfo gives it, or "unknown".
[[nodiscard]] std::string cpu_name();

}  // namespace chainrule
