// What the bindings of networks and trainers share.
#pragma once

#include <pybind11/stl.h>

#include <vector>

#include "base/error.h"
#include "bind/array_view.h"

namespace chainrule::bind {

/// The inputs of a data set, each with its scale.
inline std::vector<train::Feature> features(const std::vector<pybind11::object>& x, const std::vector<double>& scales) {
  if (scales.size() != x.size()) {
    throw std::invalid_argument(text("data: expected ", x.size(), " scales, one for each input, got ", scales.size()));
  }
  std::vector<train::Feature> all;
  for (std::size_t i = 0; i < x.size(); ++i) all.push_back(feature_of(x[i], "x", scales[i]));
  return all;
}

/// What waits for a network that another thread uses must not keep Python from all others.
template <class Work>
auto without_gil(const Work& work) {
  const pybind11::gil_scoped_release release;
  return work();
}

}  // namespace chainrule::bind
