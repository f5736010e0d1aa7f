// What shape rules share: checks with their error texts, NumPy's broadcasting, axes. A dimension may be kRows, which agrees with
// itself and, in broadcasting, with 1.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "graph/operation.h"

namespace chainrule::graph {

/// std::invalid_argument "operation: expected ..., got ...".
template <class Expected, class Got>
[[noreturn]] void reject(std::string_view operation, const Expected& expected, const Got& got) {
  throw std::invalid_argument(text(operation, ": expected ", expected, ", got ", got));
}

/// TypeError unless the value is of floating-point type.
void require_floating(std::string_view operation, const ValueType& value);

/// NumPy's broadcasting: shapes aligned at the right; sizes agree, or one of them is 1.
[[nodiscard]] Shape broadcast(std::string_view operation, const Shape& a, const Shape& b);

/// The axes as numbers from 0, ascending; all of them where none are given.
[[nodiscard]] Shape normalised_axes(std::string_view operation, const Shape& axes, std::size_t rank);

/// `shape` without `axes` (ascending), or with 1 in their places.
[[nodiscard]] Shape reduced_shape(const Shape& shape, const Shape& axes, bool keepdims);

/// The axes of `wide` along which broadcasting repeats a value of shape `narrow`.
[[nodiscard]] Shape repeated_axes(const Shape& narrow, const Shape& wide);

/// The number of elements for FLOP counts: kRows counts as one row.
[[nodiscard]] double elements(const Shape& shape) noexcept;

}  // namespace chainrule::graph
