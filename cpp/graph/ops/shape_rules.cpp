#include "graph/ops/shape_rules.h"

#include <algorithm>
#include <numeric>

namespace chainrule::graph {

void require_floating(std::string_view operation, const ValueType& value) {
  if (value.dtype == DType::int64) throw TypeError(text(operation, ": expected float32 or float64, got int64"));
}

Shape broadcast(std::string_view operation, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const Shape& wide = a.size() >= b.size() ? a : b;
  const Shape& narrow = a.size() >= b.size() ? b : a;
  Shape shape = wide;
  const std::size_t offset = wide.size() - narrow.size();
  for (std::size_t i = 0; i < narrow.size(); ++i) {
    std::int64_t& size = shape[offset + i];
    if (size == 1) {
      size = narrow[i];
    } else if (narrow[i] != 1 && narrow[i] != size) {
      reject(operation, "shapes that broadcast", text(shape_text(a), " and ", shape_text(b)));
    }
  }
  return shape;
}

Shape normalised_axes(std::string_view operation, const Shape& axes, std::size_t rank) {
  const auto limit = static_cast<std::int64_t>(rank);
  Shape result = axes;
  if (axes.empty()) {
    result.resize(rank);
    std::iota(result.begin(), result.end(), std::int64_t{0});
  }
  for (std::int64_t& axis : result) {
    if (axis < -limit || axis >= limit) reject(operation, text("axes of an array of rank ", rank), axis);
    if (axis < 0) axis += limit;
  }
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) reject(operation, "each axis once", shape_text(axes));
  return result;
}

Shape reduced_shape(const Shape& shape, const Shape& axes, bool keepdims) {
  Shape result;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<std::int64_t>(i))) {
      result.push_back(shape[i]);
    } else if (keepdims) {
      result.push_back(1);
    }
  }
  return result;
}

Shape repeated_axes(const Shape& narrow, const Shape& wide) {
  Shape axes;
  const std::size_t offset = wide.size() - narrow.size();
  for (std::size_t i = 0; i < wide.size(); ++i) {
    if (i < offset || narrow[i - offset] != wide[i]) axes.push_back(static_cast<std::int64_t>(i));
  }
  return axes;
}

double elements(const Shape& shape) noexcept {
  double count = 1;
  for (const std::int64_t size : shape) count *= size == kRows ? 1.0 : static_cast<double>(size);
  return count;
}

}  // namespace chainrule::graph
