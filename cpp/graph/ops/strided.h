// Walks over dense and broadcast arrays: what broadcasting, transposes and reductions are made of. Strides are in elements.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "base/tensor.h"

namespace chainrule::graph {

/// Row-major strides.
[[nodiscard]] Shape dense_strides(const Shape& shape);
/// Strides that read an array of shape `narrow` as if it had been broadcast to `wide`: 0 along repeated axes.
[[nodiscard]] Shape broadcast_strides(const Shape& narrow, const Shape& wide);
/// The tensor broadcast to `shape`; the tensor itself where the shapes are equal.
[[nodiscard]] Tensor broadcast_to(const Tensor& tensor, const Shape& shape);

/// Calls visit(offset_a, offset_b, n) for each run of `n` elements along the last axis, in row-major order.
template <class Visit>
void for_each_run(const Shape& shape, const Shape& strides_a, const Shape& strides_b, Visit&& visit) {
  std::int64_t runs = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return;
    if (i + 1 < shape.size()) runs *= shape[i];
  }
  const std::int64_t length = shape.empty() ? 1 : shape.back();
  Shape index(shape.size(), 0);
  std::int64_t a = 0;
  std::int64_t b = 0;
  for (std::int64_t run = 0; run < runs; ++run) {
    visit(a, b, length);
    for (std::size_t axis = shape.size() < 2 ? 0 : shape.size() - 1; axis-- > 0;) {
      a += strides_a[axis];
      b += strides_b[axis];
      if (++index[axis] < shape[axis]) break;
      a -= strides_a[axis] * shape[axis];
      b -= strides_b[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

/// dst, dense and of `shape`, from src read with `strides`.
template <class T>
void copy_strided(const T* src, const Shape& strides, T* dst, const Shape& shape) {
  const std::int64_t step = shape.empty() ? 0 : strides.back();
  for_each_run(shape, strides, dense_strides(shape), [&](std::int64_t from, std::int64_t to, std::int64_t n) {
    if (step == 0) {
      std::fill_n(dst + to, n, src[from]);
    } else {
      for (std::int64_t i = 0; i < n; ++i) dst[to + i] = src[from + i * step];
    }
  });
}

/// dst[j] = the sum over the elements of src, dense and of `shape`, that `strides` send to j: each a chain of additions in
/// row-major order from +0. dst holds zeros.
template <class T>
void sum_strided(const T* src, T* dst, const Shape& strides, const Shape& shape) {
  const std::int64_t step = shape.empty() ? 0 : strides.back();
  for_each_run(shape, dense_strides(shape), strides, [&](std::int64_t from, std::int64_t to, std::int64_t n) {
    if (step == 0) {
      dst[to] = std::accumulate(src + from, src + from + n, dst[to]);  // in a register: a third of the time
    } else {
      for (std::int64_t i = 0; i < n; ++i) dst[to + i * step] += src[from + i];
    }
  });
}

}  // namespace chainrule::graph
