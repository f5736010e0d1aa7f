#include "train/sparse.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.h"

namespace chainrule::train {
namespace {

/// Calls visit with a value of the C++ type, of int32 and int64.
template <class Visit>
auto with_index_type(kernels::Source type, const Visit& visit) {
  return type == kernels::Source::int32 ? visit(std::int32_t{}) : visit(std::int64_t{});
}

std::int64_t at(const ArrayView& array, std::size_t i) {
  return with_index_type(array.type, [&](auto index) { return std::int64_t{read<decltype(index)>(address(array, i))}; });
}

/// The entries of a row as its offsets say; none where they are not among the entries.
Range entries_of_row(const SparseView& x, std::size_t row) {
  const std::int64_t begin = at(x.offsets, row);
  const std::int64_t end = at(x.offsets, row + 1);
  if (begin < 0 || end < begin || static_cast<std::uint64_t>(end) > x.indices.rows) return {0, 0};
  return {static_cast<std::size_t>(begin), static_cast<std::size_t>(end)};
}

std::size_t size(Range range) noexcept { return range.end - range.begin; }

}  // namespace

bool is_canonical(const SparseView& x, const std::string& operation, const std::string& name) {
  const auto refuse = [&](const auto&... words) {
    throw std::invalid_argument(text(operation, ": expected ", name, " as valid sparse rows, got ", words...));
  };
  for (const ArrayView* array : {&x.indices, &x.offsets}) {
    if (array->type != kernels::Source::int32 && array->type != kernels::Source::int64)
      refuse("indices of another type than int32 and int64");
  }
  if (x.columns > std::numeric_limits<std::int32_t>::max()) refuse(x.columns, " columns, more than 2147483647");
  if (x.offsets.rows == 0) refuse("no offsets");
  if (x.values.rows != x.indices.rows) refuse(x.values.rows, " values at ", x.indices.rows, " indices");
  with_index_type(x.offsets.type, [&](auto offset) {
    std::int64_t last = 0;
    for (std::size_t row = 0; row <= x.rows(); ++row) {
      const std::int64_t next = read<decltype(offset)>(address(x.offsets, row));
      if (next < last || static_cast<std::uint64_t>(next) > x.indices.rows) {
        refuse("offset ", next, " after ", last, " at row ", row, " of ", x.indices.rows, " entries");
      }
      last = next;
    }
  });
  return with_index_type(x.indices.type, [&](auto index) {
    bool ascending = true;
    for (std::size_t row = 0; row < x.rows(); ++row) {
      const Range entries = entries_of_row(x, row);
      std::int64_t last = -1;
      for (std::size_t e = entries.begin; e < entries.end; ++e) {
        const std::int64_t column = read<decltype(index)>(address(x.indices, e));
        if (column < 0 || static_cast<std::uint64_t>(column) >= x.columns) {
          refuse("column ", column, " of ", x.columns, " at row ", row);
        }
        ascending = ascending && column > last;
        last = column;
      }
    }
    return ascending;
  });
}

void check_sparse(const SparseView& x, const std::string& operation, const std::string& name) {
  if (is_canonical(x, operation, name)) return;
  throw std::invalid_argument(text(operation, ": expected ", name, " with each row's columns in ascending order, got others"));
}

void check_finite(const SparseView& x, DType dtype, Selection selection, Range rows, const std::string& operation,
                  const std::string& name) {
  with_type(x.values.type, [&](auto element) {
    using Element = decltype(element);
    for (std::size_t i = rows.begin; i < rows.end && !std::numeric_limits<Element>::is_integer; ++i) {
      const std::size_t row = selection.row(i);
      const Range entries = entries_of_row(x, row);
      for (std::size_t e = entries.begin; e < entries.end; ++e) {
        const auto value = static_cast<double>(read<Element>(address(x.values, e)));
        if (dtype == DType::float32 ? std::isfinite(static_cast<float>(value)) : std::isfinite(value)) continue;
        throw std::invalid_argument(
            text(operation, ": expected finite values in ", name, ", got ", std::isnan(value) ? "nan" : text(value),
                 std::isfinite(value) ? ", too large for float32," : "", " at row ", row, ", column ", at(x.indices, e)));
      }
    }
  });
}

std::size_t entries_of(const SparseView& x, Range rows, Selection selection) {
  std::size_t entries = 0;
  for (std::size_t i = rows.begin; i < rows.end; ++i) entries += size(entries_of_row(x, selection.row(i)));
  return entries;
}

std::size_t most_entries(const SparseView& x, std::size_t rows) {
  std::vector<std::size_t> sizes(x.rows());
  for (std::size_t row = 0; row < sizes.size(); ++row) sizes[row] = size(entries_of_row(x, row));
  const auto end = sizes.begin() + static_cast<std::ptrdiff_t>(std::min(rows, sizes.size()));
  if (end != sizes.end()) std::nth_element(sizes.begin(), end, sizes.end(), std::greater<>());
  return std::accumulate(sizes.begin(), end, std::size_t{0});
}

template <class T>
bool gather_sparse(const SparseView& x, double scale, Selection selection, Range rows, plan::SparseBatch<T>& batch) {
  std::size_t next = entries_of(x, {0, rows.begin}, selection);
  const T factor = static_cast<T>(scale);
  bool good = true;
  with_type(x.values.type, [&](auto element) {
    with_index_type(x.indices.type, [&](auto index) {
      for (std::size_t i = rows.begin; i < rows.end; ++i) {
        const Range entries = entries_of_row(x, selection.row(i));
        const bool fits = next <= batch.capacity() && size(entries) <= batch.capacity() - next;
        good = good && fits;
        const std::size_t begin = fits ? next : 0;
        batch.rows[i] = {begin, begin + (fits ? size(entries) : 0)};
        std::int64_t last = -1;
        for (std::size_t e = 0; fits && e < size(entries); ++e) {
          const std::int64_t column = read<decltype(index)>(address(x.indices, entries.begin + e));
          const auto value = static_cast<T>(read<decltype(element)>(address(x.values, entries.begin + e)));
          const bool known = column > last && static_cast<std::uint64_t>(column) < x.columns;
          good = good && known && std::isfinite(value);
          batch.columns[begin + e] = known ? static_cast<std::int32_t>(column) : 0;
          batch.values[begin + e] = factor * value;
          last = column;
        }
        next += size(entries);
      }
    });
  });
  return good;
}

template bool gather_sparse(const SparseView&, double, Selection, Range, plan::SparseBatch<float>&);
template bool gather_sparse(const SparseView&, double, Selection, Range, plan::SparseBatch<double>&);

}  // namespace chainrule::train
