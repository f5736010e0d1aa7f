// An operation's attributes as Python gives them: one argument each, the same wherever operations are applied.
#pragma once

#include <optional>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bind/casters.h"
#include "graph/operation.h"

namespace chainrule::bind {

/// Attributes of `operation`; no alpha is the operation's default.
inline graph::Attributes attributes_of(const graph::Operation& operation, Shape axes, Shape shape, std::optional<double> alpha,
                                       std::int64_t key, bool transpose_a, bool transpose_b, bool keepdims, bool reversed) {
  graph::Attributes attributes;
  attributes.axes = std::move(axes);
  attributes.shape = std::move(shape);
  attributes.alpha = alpha.value_or(operation.default_alpha());
  attributes.key = key;
  attributes.transpose_a = transpose_a;
  attributes.transpose_b = transpose_b;
  attributes.keepdims = keepdims;
  attributes.reversed = reversed;
  return attributes;
}

}  // namespace chainrule::bind
