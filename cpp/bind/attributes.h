// An operation's attributes as Python gives them: keywords, the same wherever operations are applied.
#pragma once

#include <pybind11/pybind11.h>

#include "graph/operation.h"

namespace chainrule::bind {

/// Attributes of `operation` from keywords with the names of Attributes' fields; without alpha it has the operation's default.
/// TypeError for other names and for values of other types. A keyword called `own` is the caller's.
[[nodiscard]] graph::Attributes attributes_of(const graph::Operation& operation, const pybind11::kwargs& keywords, const char* own);

/// Those that say something, by the arguments' names.
inline pybind11::dict named_attributes(const graph::Attributes& attributes) {
  pybind11::dict named;
  if (!attributes.axes.empty()) named["axes"] = pybind11::cast(attributes.axes);
  if (!attributes.shape.empty()) named["shape"] = pybind11::cast(attributes.shape);
  if (attributes.alpha != 0) named["alpha"] = attributes.alpha;
  if (attributes.key != 0) named["key"] = attributes.key;
  if (attributes.transpose_a) named["transpose_a"] = true;
  if (attributes.transpose_b) named["transpose_b"] = true;
  if (attributes.keepdims) named["keepdims"] = true;
  if (attributes.reversed) named["reversed"] = true;
  return named;
}

}  // namespace chainrule::bind
