// The reference table: every kernel as plain scalar loops, each product and sum written out in the contract's order. Slow, and
// independent of the vector code in all but the polynomials of the elementary functions (reference/elementary.h).
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/philox.h"
#include "kernels/isa/tables.h"
#include "kernels/table.h"

namespace chainrule::reference {

using namespace chainrule::kernels;

namespace {
namespace elementary {
#include "kernels/reference/elementary.h"
}  // namespace elementary
using namespace elementary;

namespace kernel {
#include "kernels/reference/products.h"

#include "kernels/reference/sparse.h"

#include "kernels/reference/elementwise.h"

#include "kernels/reference/rows.h"

#include "kernels/reference/normalize.h"

#include "kernels/reference/batch.h"
}  // namespace kernel
}  // namespace

const Tables& tables() {
  static constexpr Tables kTables = {"reference",
                                     0,
                                     false,
                                     {
#define CHAINRULE_KERNEL(name, Args) kernel::name<float>,
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL
                                     },
                                     {
#define CHAINRULE_KERNEL(name, Args) kernel::name<double>,
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL
                                     }};
  return kTables;
}

}  // namespace chainrule::reference
