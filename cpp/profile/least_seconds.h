// How long work takes where nothing disturbs it.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace chainrule::profile {

/// The least that a call of work() takes, of one and as many more as fit into about `seconds`.
template <class Work>
[[nodiscard]] double least_seconds(double seconds, const Work& work) {
  using Clock = std::chrono::steady_clock;
  const auto passed = [](Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); };
  const Clock::time_point began = Clock::now();
  double least = std::numeric_limits<double>::infinity();
  do {
    const Clock::time_point start = Clock::now();
    work();
    least = std::min(least, passed(start));
  } while (passed(began) < seconds);
  return least;
}

}  // namespace chainrule::profile
