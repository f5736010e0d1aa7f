// What the architecture's ABI guarantees (SSE2 on x86-64), with fma emulated exactly where there is none.
#define CHAINRULE_ISA baseline
#define CHAINRULE_VECTOR_BYTES 16
#include "kernels/isa/table-inl.h"
