// What this machine can do: the peaks that a profile compares with.
#pragma once

#include <cstddef>
#include <string>

namespace chainrule::profile {

/// Of the three arrays of a triad together: well past a last-level cache.
inline constexpr std::size_t kTriadBytes = std::size_t{192} << 20U;

/// The most of several short stretches, in a second: disturbance makes a peak less, and nothing makes it more.
struct MachinePeaks {
  double flops_f32 = 0;  // multiply-adds in registers, two operations each
  double flops_f64 = 0;
  double bytes = 0;  // read and written by a triad over arrays larger than the caches
};

/// Measures with an instruction set's own instructions, on so many threads, for about so many seconds each.
/// std::invalid_argument for an instruction set that the build has not.
[[nodiscard]] MachinePeaks measure_machine(const std::string& isa, int threads, double seconds);

}  // namespace chainrule::profile
