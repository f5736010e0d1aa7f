// The one exported function of each instruction set's file. Only those that the build carries may be called (see table.cpp).
#pragma once

#include "kernels/table.h"

namespace chainrule {
namespace baseline {
const kernels::Tables& tables();
}
namespace avx2 {
const kernels::Tables& tables();
}
namespace avx512 {
const kernels::Tables& tables();
}
namespace neon {
const kernels::Tables& tables();
}
namespace reference {
const kernels::Tables& tables();
}
}  // namespace chainrule
