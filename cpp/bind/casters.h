// Small vectors, shapes among them, as Python's sequences: included wherever a bound function takes or returns one.
#pragma once

#include <pybind11/stl.h>

#include "base/small_vector.h"

namespace pybind11::detail {

template <class T, std::uint32_t kInPlace>
struct type_caster<chainrule::SmallVector<T, kInPlace>> : list_caster<chainrule::SmallVector<T, kInPlace>, T> {};

}  // namespace pybind11::detail
