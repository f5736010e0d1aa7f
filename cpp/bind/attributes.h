// An operation's attributes as Python gives them: one argument each, the same wherever operations are applied.
#pragma once

#include <optional>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

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
