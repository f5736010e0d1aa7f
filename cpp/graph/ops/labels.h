// Class labels as kernels take them.
#pragma once

#include <limits>
#include <string_view>
#include <vector>

#include "graph/ops/shape_rules.h"

namespace chainrule::graph {

/// int64 labels as int32; std::invalid_argument for one outside [0, classes).
inline std::vector<std::int32_t> checked_labels(std::string_view operation, const Tensor& labels, std::size_t classes) {
  std::vector<std::int32_t> result;
  result.reserve(labels.size());
  const std::int64_t* const label = labels.data<std::int64_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (label[i] < 0 || label[i] >= static_cast<std::int64_t>(classes) || label[i] > std::numeric_limits<std::int32_t>::max()) {
      reject(operation, text("labels from 0 below ", classes), text(label[i], " in row ", i));
    }
    result.push_back(static_cast<std::int32_t>(label[i]));
  }
  return result;
}

}  // namespace chainrule::graph
