#include "base/cpu.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "base/error.h"

namespace chainrule {

const char* name_of(Isa isa) noexcept {
  switch (isa) {
    case Isa::baseline:
      return "baseline";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::neon:
      return "neon";
  }
  return "unknown";
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas = {Isa::baseline};
#if defined(__x86_64__)
  // GCC's check covers the operating system's side too (XGETBV: are the wide registers saved?).
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    isas.push_back(Isa::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
      isas.push_back(Isa::avx512);
    }
  }
#elif defined(__aarch64__)
  isas.push_back(Isa::neon);  // part of the base architecture
#endif
  return isas;
}

Isa choose_isa() {
  const std::vector<Isa> isas = supported_isas();
  const char* forced = std::getenv("CHAINRULE_ISA");
  if (forced == nullptr || *forced == '\0') return isas.back();
  std::string names;
  for (const Isa isa : isas) {
    if (std::string(forced) == name_of(isa)) return isa;
    names += (names.empty() ? "" : ", ") + std::string(name_of(isa));
  }
  throw std::invalid_argument(text("CHAINRULE_ISA: expected one of ", names, " on this processor, got ", forced));
}

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0 || line.rfind("Processor", 0) == 0) {
      const std::size_t start = line.find_first_not_of(" \t", line.find(':') + 1);
      if (start != std::string::npos) return line.substr(start);
    }
  }
  return "unknown";
}

}  // namespace chainrule
