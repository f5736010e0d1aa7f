// Columns of one panel matrix copied to columns of another, wherever in their panels they lie; and the rows that numbers name.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/args.h"

namespace chainrule::plan {

/// Columns from, from + 1, ... of `rows` rows of src to columns to, to + 1, ... of dst, `columns` of them.
template <class T>
void copy_columns(kernels::Panels<const T> src, std::size_t from, kernels::Panels<T> dst, std::size_t to, std::size_t rows,
                  std::size_t columns) {
  constexpr std::size_t P = kernels::kPanelWidth<T>;
  for (std::size_t done = 0; done < columns;) {
    // As many as lie in one panel on both sides.
    const std::size_t count = std::min({columns - done, P - (from + done) % P, P - (to + done) % P});
    const T* source = src.at(0, from + done);
    T* target = dst.at(0, to + done);
    for (std::size_t row = 0; row < rows; ++row, source += P, target += P) std::memcpy(target, source, count * sizeof(T));
    done += count;
  }
}

/// The row of a table of `rows` rows that a value names; `rows` where it names none.
template <class T>
[[nodiscard]] std::size_t row_named(T value, std::size_t rows) noexcept {
  if (!(value >= T{0} && value < static_cast<T>(rows))) return rows;
  const auto row = static_cast<std::size_t>(value);
  return static_cast<T>(row) == value ? row : rows;
}

}  // namespace chainrule::plan
