#include "train/data.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "base/error.h"

namespace chainrule::train {
namespace {

const char* address(const ArrayView& array, std::size_t row, std::size_t column = 0) noexcept {
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

/// Rows [rows.begin, rows.end) of the selection into a slot; whether all of them are finite.
template <class T>
bool gather_array(const plan::Program<T>& program, const ArrayView& array, plan::Slot slot, double scale, Selection selection,
                  Range rows, T* workspace) {
  const RowSource from = source_of(array, {selection.index, selection.first + rows.begin});
  bool finite = true;
  program.table->gather_rows({from.data, array.row_stride, array.column_stride, from.index,
                              plan::panels_of(program, slot, workspace).from_row(rows.begin), rows.end - rows.begin, array.columns,
                              static_cast<T>(scale), array.type, &finite});
  return finite;
}

}  // namespace

template <class T>
BatchRows<T>::BatchRows(std::size_t capacity, std::span<const plan::Metric> wanted, double threshold)
    : label(capacity), weight(capacity), seed(capacity), loss(capacity) {
  for (const plan::Metric metric : wanted) {
    metric_values.emplace_back(capacity);
    metrics.push_back({metric, static_cast<T>(threshold), metric_values.back().data()});
  }
}

double total_weight(const Dataset& data, Selection selection, std::size_t rows) {
  if (!data.weight) return static_cast<double>(rows);
  return with_type(data.weight->type, [&](auto element) {
    double total = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      total += static_cast<double>(read<decltype(element)>(address(*data.weight, selection.row(i))));
    }
    return total;
  });
}

RowSource source_of(const ArrayView& array, Selection selection) noexcept {
  if (selection.index != nullptr) return {array.data, selection.index + selection.first};
  return {address(array, selection.first), nullptr};
}

template <class T>
bool gather_features(const plan::Program<T>& program, const ArrayView& x, double scale, Selection selection, Range rows,
                     T* workspace) {
  return gather_array(program, x, program.input, scale, selection, rows, workspace);
}

template <class T>
Gathered gather(const plan::Program<T>& program, const Dataset& data, Selection selection, Range rows, double total, T* workspace,
                BatchRows<T>& batch) {
  Gathered result;
  result.finite = gather_features(program, data.x, data.scale, selection, rows, workspace);
  if (data.labels) {
    const auto classes = program.output.columns;
    with_type(data.y.type, [&](auto element) {
      for (std::size_t i = rows.begin; i < rows.end; ++i) {
        const auto label = read<decltype(element)>(address(data.y, selection.row(i)));
        const bool known = label >= 0 && static_cast<std::uint64_t>(label) < classes;
        batch.label[i] = known ? static_cast<std::int32_t>(label) : 0;
        result.labelled = result.labelled && known;
      }
    });
  } else {
    static_cast<void>(gather_array(program, data.y, program.target, 1, selection, rows, workspace));
  }
  const double inverse = total > 0 ? 1.0 / total : 0.0;
  if (!data.weight) {
    std::fill(&batch.weight[rows.begin], batch.weight.data() + rows.end, 1.0);
    std::fill(&batch.seed[rows.begin], batch.seed.data() + rows.end, static_cast<T>(inverse));
    return result;
  }
  with_type(data.weight->type, [&](auto element) {
    for (std::size_t i = rows.begin; i < rows.end; ++i) {
      batch.weight[i] = static_cast<double>(read<decltype(element)>(address(*data.weight, selection.row(i))));
      batch.seed[i] = static_cast<T>(batch.weight[i] * inverse);
    }
  });
  return result;
}

std::int64_t first_nonfinite(const ArrayView& array, DType dtype, Selection selection, Range rows) {
  return with_type(array.type, [&](auto element) -> std::int64_t {
    using Element = decltype(element);
    if constexpr (!std::numeric_limits<Element>::is_integer) {
      for (std::size_t i = rows.begin; i < rows.end; ++i) {
        const std::size_t row = selection.row(i);
        for (std::size_t column = 0; column < array.columns; ++column) {
          const auto value = read<Element>(address(array, row, column));
          const bool finite = dtype == DType::float32 ? std::isfinite(static_cast<float>(value)) : std::isfinite(value);
          if (!finite) return static_cast<std::int64_t>(row * array.columns + column);
        }
      }
    }
    return -1;
  });
}

void throw_nonfinite(const ArrayView& array, std::int64_t position, const std::string& operation, const std::string& name) {
  if (position < 0) {
    throw std::invalid_argument(text(operation, ": expected ", name, " to stay as it is during the call, got changes"));
  }
  const std::size_t row = static_cast<std::size_t>(position) / array.columns;
  const std::size_t column = static_cast<std::size_t>(position) % array.columns;
  const double value = with_type(
      array.type, [&](auto element) { return static_cast<double>(read<decltype(element)>(address(array, row, column))); });
  const bool one_dimension = array.column_stride == 0;
  throw std::invalid_argument(text(operation, ": expected finite values in ", name, ", got ",
                                   std::isnan(value) ? "nan" : text(value), std::isfinite(value) ? ", too large for float32," : "",
                                   " at row ", row, one_dimension ? std::string() : text(", column ", column)));
}

std::pair<std::int64_t, std::int64_t> integer_range(const ArrayView& array) {
  return with_type(array.type, [&](auto element) {
    using Element = decltype(element);
    Element least = std::numeric_limits<Element>::max();
    Element greatest = std::numeric_limits<Element>::lowest();
    for (std::size_t row = 0; row < array.rows; ++row) {
      for (std::size_t column = 0; column < array.columns; ++column) {
        const auto value = read<Element>(address(array, row, column));
        least = std::min(least, value);
        greatest = std::max(greatest, value);
      }
    }
    constexpr auto kMost = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
    const bool fits = static_cast<long double>(greatest) <= kMost;
    return std::pair{static_cast<std::int64_t>(least),
                     fits ? static_cast<std::int64_t>(greatest) : std::numeric_limits<std::int64_t>::max()};
  });
}

template struct BatchRows<float>;
template struct BatchRows<double>;
template Gathered gather(const plan::Program<float>&, const Dataset&, Selection, Range, double, float*, BatchRows<float>&);
template Gathered gather(const plan::Program<double>&, const Dataset&, Selection, Range, double, double*, BatchRows<double>&);
template bool gather_features(const plan::Program<float>&, const ArrayView&, double, Selection, Range, float*);
template bool gather_features(const plan::Program<double>&, const ArrayView&, double, Selection, Range, double*);

}  // namespace chainrule::train
