// AVX2 with FMA.
#define CHAINRULE_ISA avx2
#define CHAINRULE_VECTOR_BYTES 32
#include "kernels/isa/table-inl.h"
