// NumPy arrays as views that native code reads in place.
#pragma once

#include <pybind11/numpy.h>

#include <optional>

#include "train/data.h"

namespace chainrule::bind {

/// A view of an array of one or two dimensions; TypeError for an element type that batches do not take (or foreign byte order),
/// ValueError for another number of dimensions. `what` names the array in the text. The caller keeps the array alive.
[[nodiscard]] train::ArrayView view_of(const pybind11::array& array, const char* what);

}  // namespace chainrule::bind
