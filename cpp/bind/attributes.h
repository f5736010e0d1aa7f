// An operation's attributes as Python gives them: keywords, the same wherever operations are applied.
#pragma once

#include <pybind11/pybind11.h>

#include "graph/operation.h"

namespace chainrule::bind {

/// Attributes of `operation` from keywords with the names of Attributes' fields; without alpha it has the operation's default.
/// TypeError for other names and for values of other types. A keyword called `own` is the caller's.
[[nodiscard]] graph::Attributes attributes_of(const graph::Operation& operation, const pybind11::kwargs& keywords, const char* own);

}  // namespace chainrule::bind
