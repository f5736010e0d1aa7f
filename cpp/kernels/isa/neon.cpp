// AArch64 Advanced SIMD.
#define CHAINRULE_ISA neon
#define CHAINRULE_VECTOR_BYTES 16
#include "kernels/isa/table-inl.h"
