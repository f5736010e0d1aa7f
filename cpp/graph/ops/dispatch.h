// From the type of a tensor's elements, known at run time, to a template parameter.
#pragma once

#include "base/error.h"
#include "base/tensor.h"

namespace chainrule::graph {

/// Calls function.operator()<T>() with T = float or double; TypeError for int64.
template <class Function>
decltype(auto) for_floating(DType dtype, Function&& function) {
  switch (dtype) {
    case DType::float32:
      return function.template operator()<float>();
    case DType::float64:
      return function.template operator()<double>();
    case DType::int64:
      break;
  }
  throw TypeError("operation: expected float32 or float64, got int64");
}

}  // namespace chainrule::graph
