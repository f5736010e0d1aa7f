// A clock that costs a few nanoseconds: the processor's counter of constant rate. What a tick is in seconds, a profile measures
// against std::chrono's steady clock, from its start to its end.
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace chainrule::profile {

using Ticks = std::uint64_t;

[[nodiscard]] inline Ticks ticks() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t now = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(now));
  return now;
#else
  return static_cast<Ticks>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

}  // namespace chainrule::profile
