#include "train/data.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "base/error.h"

namespace chainrule::train {
namespace {

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

template <class Value, class Of>
std::vector<Value> for_each_input(std::span<const Feature> x, const Of& of) {
  std::vector<Value> values;
  values.reserve(x.size());
  for (const Feature& feature : x) values.push_back(of(feature));
  return values;
}

/// Read, and written in elements of `size` bytes.
double bytes_gathered(const ArrayView& array, Range rows, std::size_t size) {
  return static_cast<double>((rows.end - rows.begin) * array.columns * (kernels::size_of(array.type) + size));
}

template <class T>
double bytes_gathered(const Feature& feature, Selection selection, Range rows) {
  if (!feature.sparse) return bytes_gathered(feature.array, rows, sizeof(T));
  const SparseView& x = *feature.sparse;
  const std::size_t read = kernels::size_of(x.values.type) + kernels::size_of(x.indices.type);
  return static_cast<double>(entries_of(x, rows, selection) * (read + sizeof(T) + sizeof(std::int32_t)));
}

}  // namespace

std::string name_of_input(std::size_t input, std::size_t inputs) { return inputs == 1 ? "x" : text("x[", input, "]"); }

template <class T>
BatchRows<T>::Head::Head(std::size_t capacity, const HeadSettings& settings)
    : label(settings.labels() ? capacity : 0), seed(capacity), loss(capacity), weight(settings.weight) {
  const MetricPlan& plan = settings.metrics;
  for (const MetricSettings& metric : plan.by_row()) {
    metric_values.emplace_back(capacity);
    metrics.push_back({row_metric(metric.kind), static_cast<T>(plan.threshold), metric.k, metric_values.back().data()});
  }
  if (!plan.keeps_rows()) return;
  kept_predictions = Buffer<T>(checked_product(capacity, plan.outputs));
  if (!plan.labels) kept_targets = Buffer<T>(checked_product(capacity, plan.outputs));
}

template <class T>
plan::HeadRows<T> BatchRows<T>::Head::rows() noexcept {
  const auto memory = [](auto& buffer) { return buffer.size() == 0 ? nullptr : buffer.data(); };
  return {memory(label), seed.data(), loss.data(), metrics, {memory(kept_predictions), memory(kept_targets)}};
}

template <class T>
Rows<T> BatchRows<T>::Head::kept(std::size_t rows) const noexcept {
  return {kept_predictions.data(), kept_targets.data(), label.data(), rows};
}

template <class T>
BatchRows<T>::BatchRows(std::size_t capacity, std::span<const HeadSettings> settings) : weight(capacity) {
  heads.reserve(settings.size());
  for (const HeadSettings& head : settings) heads.emplace_back(capacity, head);
  for (Head& head : heads) rows.push_back(head.rows());
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
bool gather_features(const plan::Program<T>& program, std::span<const Feature> x, Selection selection, Range rows, T* workspace,
                     std::span<plan::SparseBatch<T>> sparse) {
  const profile::Span span(profile::gathering, [&] {
    double bytes = 0;
    for (const Feature& feature : x) bytes += bytes_gathered<T>(feature, selection, rows);
    return profile::Work{0, bytes};
  });
  bool finite = true;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i].sparse) {
      finite = gather_sparse(*x[i].sparse, x[i].scale, selection, rows, sparse[i]) && finite;
      continue;
    }
    finite = gather_array(program, x[i].array, program.inputs[i], x[i].scale, selection, rows, workspace) && finite;
  }
  return finite;
}

template <class T>
Gathered gather(const plan::Program<T>& program, const Dataset& data, Selection selection, Range rows, double total, T* workspace,
                BatchRows<T>& batch) {
  const profile::Span span(profile::targets, [&] {
    double bytes = 0;
    for (const Target& y : data.y) bytes += bytes_gathered(y.array, rows, y.labels ? sizeof(std::int32_t) : sizeof(T));
    return profile::Work{0, bytes};
  });
  Gathered result;
  result.finite = gather_features(program, std::span(data.x), selection, rows, workspace, std::span(batch.x));
  for (std::size_t i = 0; i < data.y.size(); ++i) {
    const ArrayView& y = data.y[i].array;
    if (!data.y[i].labels) {
      static_cast<void>(gather_array(program, y, program.targets[i], 1, selection, rows, workspace));
      continue;
    }
    const auto classes = program.outputs[i].columns;
    std::int32_t* const labels = batch.heads[i].label.data();
    with_type(y.type, [&](auto element) {
      for (std::size_t row = rows.begin; row < rows.end; ++row) {
        const auto label = read<decltype(element)>(address(y, selection.row(row)));
        const bool known = label >= 0 && static_cast<std::uint64_t>(label) < classes;
        labels[row] = known ? static_cast<std::int32_t>(label) : 0;
        result.labelled = result.labelled && known;
      }
    });
  }
  const double inverse = total > 0 ? 1.0 / total : 0.0;
  if (!data.weight) {
    std::fill(&batch.weight[rows.begin], batch.weight.data() + rows.end, 1.0);
    for (auto& head : batch.heads) {
      std::fill(&head.seed[rows.begin], head.seed.data() + rows.end, static_cast<T>(inverse * head.weight));
    }
    return result;
  }
  with_type(data.weight->type, [&](auto element) {
    for (std::size_t i = rows.begin; i < rows.end; ++i) {
      batch.weight[i] = static_cast<double>(read<decltype(element)>(address(*data.weight, selection.row(i))));
      for (auto& head : batch.heads) head.seed[i] = static_cast<T>(batch.weight[i] * inverse * head.weight);
    }
  });
  return result;
}

template <class T>
void reserve(std::vector<plan::SparseBatch<T>>& batch, std::span<const Feature> x, std::size_t rows,
             std::span<const std::size_t> entries) {
  batch.resize(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i].sparse) batch[i].reserve(rows, entries[i]);
  }
}

std::vector<bool> sparse_inputs(std::span<const Feature> x) {
  return for_each_input<bool>(x, [](const Feature& feature) { return feature.sparse.has_value(); });
}

std::vector<double> mean_entries(std::span<const Feature> x) {
  return for_each_input<double>(x, [](const Feature& feature) {
    if (!feature.sparse || feature.rows() == 0) return 0.0;
    return static_cast<double>(entries_of(*feature.sparse, {0, feature.rows()})) / static_cast<double>(feature.rows());
  });
}

std::vector<std::size_t> most_entries(std::span<const Feature> x, std::size_t rows) {
  return for_each_input<std::size_t>(
      x, [&](const Feature& feature) { return feature.sparse ? most_entries(*feature.sparse, rows) : 0; });
}

std::vector<std::size_t> entries_of(std::span<const Feature> x, Range rows) {
  return for_each_input<std::size_t>(
      x, [&](const Feature& feature) { return feature.sparse ? entries_of(*feature.sparse, rows) : 0; });
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
  const std::size_t row = static_cast<std::size_t>(position) / array.columns;
  const std::size_t column = static_cast<std::size_t>(position) % array.columns;
  const double value = with_type(
      array.type, [&](auto element) { return static_cast<double>(read<decltype(element)>(address(array, row, column))); });
  const bool one_dimension = array.column_stride == 0;
  throw std::invalid_argument(text(operation, ": expected finite values in ", name, ", got ",
                                   std::isnan(value) ? "nan" : text(value), std::isfinite(value) ? ", too large for float32," : "",
                                   " at row ", row, one_dimension ? std::string() : text(", column ", column)));
}

void throw_nonfinite(std::span<const Feature> x, DType dtype, Selection selection, Range rows, const std::string& operation) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::string name = name_of_input(i, x.size());
    if (x[i].sparse) {
      check_finite(*x[i].sparse, dtype, selection, rows, operation, name);
      continue;
    }
    const std::int64_t position = first_nonfinite(x[i].array, dtype, selection, rows);
    if (position >= 0) throw_nonfinite(x[i].array, position, operation, name);
  }
  throw_changed(operation, "x");
}

void throw_changed(const std::string& operation, const std::string& name) {
  throw std::invalid_argument(text(operation, ": expected ", name, " to stay as it is during the call, got changes"));
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

template void reserve(std::vector<plan::SparseBatch<float>>&, std::span<const Feature>, std::size_t, std::span<const std::size_t>);
template void reserve(std::vector<plan::SparseBatch<double>>&, std::span<const Feature>, std::size_t, std::span<const std::size_t>);
template struct BatchRows<float>;
template struct BatchRows<double>;
template Gathered gather(const plan::Program<float>&, const Dataset&, Selection, Range, double, float*, BatchRows<float>&);
template Gathered gather(const plan::Program<double>&, const Dataset&, Selection, Range, double, double*, BatchRows<double>&);
template bool gather_features(const plan::Program<float>&, std::span<const Feature>, Selection, Range, float*,
                              std::span<plan::SparseBatch<float>>);
template bool gather_features(const plan::Program<double>&, std::span<const Feature>, Selection, Range, double*,
                              std::span<plan::SparseBatch<double>>);

}  // namespace chainrule::train
