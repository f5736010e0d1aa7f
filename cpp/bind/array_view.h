// NumPy arrays as views that native code reads in place.
#pragma once

#include <pybind11/numpy.h>

#include <optional>

#include "train/data.h"

namespace chainrule::bind {

/// A view of an array of one or two dimensions; TypeError for an element type that batches do not take (or foreign byte order),
/// ValueError for another number of dimensions. `what` names the array in the text. The caller keeps the array alive.
[[nodiscard]] train::ArrayView view_of(const pybind11::array& array, const char* what);

/// A view of compressed sparse rows: an object with the arrays `data`, `indices` and `indptr`, and a `shape`; the same errors.
[[nodiscard]] train::SparseView sparse_view_of(const pybind11::object& rows, const char* what);
/// A view of either.
[[nodiscard]] train::Feature feature_of(const pybind11::object& x, const char* what, double scale);

}  // namespace chainrule::bind
