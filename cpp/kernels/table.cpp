#include "kernels/table.h"

#include <atomic>

#include "base/error.h"
#include "kernels/isa/tables.h"

namespace chainrule::kernels {
namespace {
std::atomic<const Tables*> g_override{nullptr};
}

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
  if (const Tables* forced = g_override.load(std::memory_order_acquire)) return *forced;
  static const Tables& tables = tables_of(choose_isa());
  return tables;
}

void override_tables(const Tables* tables) { g_override.store(tables, std::memory_order_release); }

const Tables& reference_tables() { return reference::tables(); }

}  // namespace chainrule::kernels
