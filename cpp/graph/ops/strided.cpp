#include "graph/ops/strided.h"

#include "graph/ops/dispatch.h"

namespace chainrule::graph {

Shape dense_strides(const Shape& shape) {
  Shape strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

Shape broadcast_strides(const Shape& narrow, const Shape& wide) {
  const Shape dense = dense_strides(narrow);
  Shape strides(wide.size(), 0);
  const std::size_t offset = wide.size() - narrow.size();
  for (std::size_t i = 0; i < narrow.size(); ++i) strides[offset + i] = narrow[i] == wide[offset + i] ? dense[i] : 0;
  return strides;
}

Tensor broadcast_to(const Tensor& tensor, const Shape& shape) {
  if (tensor.shape() == shape) return tensor;
  Tensor wide(tensor.dtype(), shape);
  for_floating(tensor.dtype(),
               [&]<class T>() { copy_strided(tensor.data<T>(), broadcast_strides(tensor.shape(), shape), wide.data<T>(), shape); });
  return wide;
}

}  // namespace chainrule::graph
