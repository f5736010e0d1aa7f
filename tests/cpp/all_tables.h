// Every table of kernels that this machine runs: those of its instruction sets, and test vehicles (tests/cpp/isa), which compile
// the same source for another vector width than their instruction set's own and are in no wheel.
#pragma once

#include <vector>

#include "base/cpu.h"
#include "kernels/table.h"

namespace chainrule {
namespace avx2_narrow {
const kernels::Tables& tables();
}
namespace avx2_wide {
const kernels::Tables& tables();
}
}  // namespace chainrule

namespace chainrule::test {

inline std::vector<const kernels::Tables*> vehicles() {
#if defined(CHAINRULE_VEHICLES)
  for (const Isa isa : supported_isas()) {
    if (isa == Isa::avx2) return {&avx2_narrow::tables(), &avx2_wide::tables()};
  }
#endif
  return {};
}

inline std::vector<const kernels::Tables*> all_tables() {
  std::vector<const kernels::Tables*> all = vehicles();
  for (const Isa isa : supported_isas()) all.push_back(&kernels::tables_of(isa));
  return all;
}

}  // namespace chainrule::test
