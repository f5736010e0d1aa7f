// The 4-wide source with real fma: 16-byte vectors on AVX2.
#define CHAINRULE_ISA avx2_narrow
#define CHAINRULE_VECTOR_BYTES 16
#include "kernels/isa/table-inl.h"
