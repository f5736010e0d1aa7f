// AVX-512 (F, DQ, BW, VL).
#define CHAINRULE_ISA avx512
#define CHAINRULE_VECTOR_BYTES 64
#include "kernels/isa/table-inl.h"
