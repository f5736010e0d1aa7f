// Penalties on parameters: l1 sum |w| + l2 sum w^2, added to the loss.
#pragma once

#include <span>

#include "plan/parameters.h"

namespace chainrule::plan {

struct Penalty {
  double l1 = 0;
  double l2 = 0;
  [[nodiscard]] bool any() const noexcept { return l1 != 0 || l2 != 0; }
};

/// The sum of the penalties of all parameters, penalties[i] being that of parameter i; 0 where the span is empty. In double: lane j
/// of a panel's width sums its column of the master's panels, panel after panel, then lanes i and i + P / 2 are added, and so on
/// down to one.
template <class T>
[[nodiscard]] double penalty_value(const Parameters<T>& parameters, std::span<const Penalty> penalties) noexcept;

}  // namespace chainrule::plan
