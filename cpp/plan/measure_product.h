// The speed of a matrix product alone, for comparisons with other libraries.
#pragma once

#include <cstddef>

namespace chainrule::plan {

/// The least seconds that (m, k) times (k, n) takes on `threads` threads, each with its rows, of calls for about `seconds`; between
/// panels in memory, as plans keep values and weights.
template <class T>
[[nodiscard]] double measure_product(std::size_t m, std::size_t k, std::size_t n, int threads, double seconds);

}  // namespace chainrule::plan
