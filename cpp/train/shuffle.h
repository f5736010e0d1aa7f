// The order of an epoch's rows: a pure function of seed and epoch.
#pragma once

#include <cstdint>
#include <span>

namespace chainrule::train {

/// Fills `order` with a permutation of 0 .. n - 1: Fisher-Yates on Philox(seed) at the counter (block, epoch low, epoch high,
/// shuffle), from the last place down; each draw takes 64 bits, scaled to its range by the high half of a product (bias below n /
/// 2^64).
void shuffle_order(std::span<std::int64_t> order, std::uint64_t seed, std::uint64_t epoch);

}  // namespace chainrule::train
