// Random orthogonal matrices, the same bits on every machine.
#pragma once

#include "base/tensor.h"

namespace chainrule::train {

/// float64 (rows, columns): gain times a matrix whose columns (rows, where there are fewer of them) are orthonormal, uniformly
/// distributed among these: the Q of the QR decomposition, with a positive diagonal of R, of the matrix (longer, shorter side) of
/// random_normal's numbers. By Gram and Schmidt in blocks of columns, twice each ("twice is enough": Giraud, Langou, Rozloznik,
/// van den Eshof, Numerische Mathematik 101, 2005), with the kernels' products and chains of fma in row order.
[[nodiscard]] Tensor random_orthogonal(std::int64_t rows, std::int64_t columns, double gain, std::uint64_t seed, std::uint32_t key);

}  // namespace chainrule::train
