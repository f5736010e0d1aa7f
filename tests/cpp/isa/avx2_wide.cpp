// The 16-wide source, AVX-512's tiles included, on AVX2: the compiler splits the 64-byte vectors.
#define CHAINRULE_ISA avx2_wide
#define CHAINRULE_VECTOR_BYTES 64
#include "kernels/isa/table-inl.h"
