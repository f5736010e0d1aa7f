#include "kernels/table.h"

#include "base/error.h"
#include "kernels/isa/tables.h"

namespace chainrule::kernels {

const Tables& tables_of(Isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case Isa::avx2:
      return avx2::tables();
    case Isa::avx512:
      return avx512::tables();
#elif defined(__aarch64__)
    case Isa::neon:
      return neon::tables();
#endif
    case Isa::baseline:
      return baseline::tables();
    default:
      throw std::invalid_argument(text("kernels: this build has none for ", name_of(isa)));
  }
}

const Tables& active_tables() {
  static const Tables& tables = tables_of(choose_isa());
  return tables;
}

const Tables& reference_tables() { return reference::tables(); }

}  // namespace chainrule::kernels
