// The caller's arrays, read in place, and which of their rows make a batch.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "kernels/args.h"

namespace chainrule::train {

/// An array of one or two dimensions of any element type, alignment and strides (in bytes, of any sign). One dimension: columns 1.
struct ArrayView {
  const void* data = nullptr;
  kernels::Source type = kernels::Source::float32;
  std::ptrdiff_t row_stride = 0;
  std::ptrdiff_t column_stride = 0;
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// Which rows of the data make the batch: index[first], index[first + 1], ...; first, first + 1, ... where index is null.
struct Selection {
  const std::int64_t* index = nullptr;
  std::size_t first = 0;
  [[nodiscard]] std::size_t row(std::size_t i) const noexcept {
    return index == nullptr ? first + i : static_cast<std::size_t>(index[first + i]);
  }
};

inline const char* address(const ArrayView& array, std::size_t row, std::size_t column = 0) noexcept {
  return static_cast<const char*>(array.data) + static_cast<std::ptrdiff_t>(row) * array.row_stride +
         static_cast<std::ptrdiff_t>(column) * array.column_stride;
}

/// The caller's arrays may be misaligned.
template <class Element>
Element read(const char* p) noexcept {
  Element value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

/// Calls visit with a value of the C++ type that the array holds.
template <class Visit>
auto with_type(kernels::Source type, const Visit& visit) {
  switch (type) {
#define CHAINRULE_SOURCE(name, element) \
  case kernels::Source::name:           \
    return visit(element{});
#include "kernels/sources.inc"
#undef CHAINRULE_SOURCE
  }
  throw std::invalid_argument("array: unknown element type");
}

}  // namespace chainrule::train
