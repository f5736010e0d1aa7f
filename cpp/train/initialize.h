// Random numbers for initial parameters: element i of parameter `key` is a pure function of (seed, key, i), the same on every
// machine.
#pragma once

#include "base/tensor.h"

namespace chainrule::train {

/// float64, uniform in [low, high): 53 bits from half a block of Philox(seed) at the counter (i / 2, key, 0, initialise).
[[nodiscard]] Tensor random_uniform(const Shape& shape, double low, double high, std::uint64_t seed, std::uint32_t key);

/// float64, normal: the inverse of the normal distribution at a uniform number (Wichura, algorithm AS 241 PPND16, Applied
/// Statistics 37, 1988; relative error about 1e-16), with chainrule's own logarithm.
[[nodiscard]] Tensor random_normal(const Shape& shape, double mean, double std, std::uint64_t seed, std::uint32_t key);

/// The same at uniform numbers between the values of the distribution two standard deviations from the mean: normal, under the
/// condition that it lies between them.
[[nodiscard]] Tensor random_truncated_normal(const Shape& shape, double mean, double std, std::uint64_t seed, std::uint32_t key);

}  // namespace chainrule::train
