// The time of a call: several stretches of many calls each, their median and extremes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace chainrule::bench {

/// Seconds.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

/// Seconds of one call of `run`, measured for about `seconds`.
template <class Run>
[[nodiscard]] Spread time_of(double seconds, Run&& run) {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t kStretches = 9;
  const auto stretch = [&](std::size_t calls) {
    const Clock::time_point start = Clock::now();
    for (std::size_t i = 0; i < calls; ++i) run();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  static_cast<void>(stretch(1));  // pages in memory and code
  std::size_t calls = 1;
  const double goal = seconds / (kStretches + 1);
  for (double elapsed = stretch(calls); elapsed < goal; elapsed = stretch(calls)) {
    // In small steps: on a busy machine one lucky call says little of the next.
    const double factor = std::clamp(1.2 * goal / std::max(elapsed, 1e-9), 2.0, 10.0);
    calls = static_cast<std::size_t>(static_cast<double>(calls) * factor);
  }
  std::vector<double> times;
  for (std::size_t i = 0; i < kStretches; ++i) times.push_back(stretch(calls) / static_cast<double>(calls));
  std::sort(times.begin(), times.end());
  return {times[kStretches / 2], times.front(), times.back()};
}

}  // namespace chainrule::bench
