// The caller's arrays, read in place: rows are cast and gathered into a batch's panels one batch at a time, and nothing larger is
// copied.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/team.h"
#include "train/metrics.h"

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

/// What goes into one input of a network.
struct Feature {
  ArrayView array;
  double scale = 1;  // the array is multiplied by it
};

/// What one head's loss compares with: values, or labels of one column.
struct Target {
  ArrayView array;
  bool labels = false;
};

struct Dataset {
  std::vector<Feature> x;           // by input
  std::vector<Target> y;            // by head
  std::optional<ArrayView> weight;  // one for each row
  [[nodiscard]] std::size_t rows() const noexcept { return x.empty() ? 0 : x.front().array.rows; }
};

/// "x", or of several inputs "x[1]".
[[nodiscard]] std::string name_of_input(std::size_t input, std::size_t inputs);

/// Which rows of the data make the batch: index[first], index[first + 1], ...; first, first + 1, ... where index is null.
struct Selection {
  const std::int64_t* index = nullptr;
  std::size_t first = 0;
  [[nodiscard]] std::size_t row(std::size_t i) const noexcept {
    return index == nullptr ? first + i : static_cast<std::size_t>(index[first + i]);
  }
};

/// Where an array's selected rows lie: row index[i] from `data`, or where index is null row i.
struct RowSource {
  const void* data = nullptr;
  const std::int64_t* index = nullptr;
};
[[nodiscard]] RowSource source_of(const ArrayView& array, Selection selection) noexcept;

/// A loss of the network's output of the same number, and what is counted beside it.
struct HeadSettings {
  graph::SharedOperation loss;
  double alpha = 0;   // the loss's parameter
  double weight = 1;  // in the sum of all heads' losses
  MetricPlan metrics;
  [[nodiscard]] bool labels() const noexcept { return metrics.labels; }
};

/// What a batch has beside its panels: one element for each row.
template <class T>
struct BatchRows {
  struct Head {
    Head(std::size_t capacity, const HeadSettings& settings);
    Buffer<std::int32_t> label;
    Buffer<T> seed;
    Buffer<T> loss;
    std::vector<Buffer<T>> metric_values;
    std::vector<plan::RowMetric<T>> metrics;
    Buffer<T> kept_predictions;  // of the metrics of all rows together; empty where there are none
    Buffer<T> kept_targets;
    double weight;  // of the head

    [[nodiscard]] plan::HeadRows<T> rows() noexcept;
    /// Rows [0, rows) as they were kept.
    [[nodiscard]] Rows<T> kept(std::size_t rows) const noexcept;
  };
  BatchRows(std::size_t capacity, std::span<const HeadSettings> settings);

  Buffer<double> weight;
  std::vector<Head> heads;
  std::vector<plan::HeadRows<T>> rows;  // of the heads, as steps take them
};

/// The sum of the batch's weights in row order; its number of rows where the data has none.
[[nodiscard]] double total_weight(const Dataset& data, Selection selection, std::size_t rows);

/// What was found in the rows of a batch.
struct Gathered {
  bool finite = true;    // features, in the network's type
  bool labelled = true;  // labels are in [0, columns of their output); another is replaced by 0
};

/// Gathers rows [rows.begin, rows.end) of the batch: features, targets or labels, weights, and each head's seeds = weight / `total`,
/// times the head's weight.
template <class T>
[[nodiscard]] Gathered gather(const plan::Program<T>& program, const Dataset& data, Selection selection, Range rows, double total,
                              T* workspace, BatchRows<T>& batch);

/// Only the features; whether all are finite.
template <class T>
[[nodiscard]] bool gather_features(const plan::Program<T>& program, std::span<const Feature> x, Selection selection, Range rows,
                                   T* workspace);

/// std::invalid_argument that names the first element among those rows which is not finite as a `dtype`.
[[noreturn]] void throw_nonfinite(std::span<const Feature> x, DType dtype, Selection selection, Range rows,
                                  const std::string& operation);

/// Among rows [rows.begin, rows.end) of the selection, the first element that is not finite as a `dtype`: its position in C order
/// in the whole array, or -1.
[[nodiscard]] std::int64_t first_nonfinite(const ArrayView& array, DType dtype, Selection selection, Range rows);
/// std::invalid_argument that names what lies at that position: "fit: expected finite values in x, got nan at row 2, column 1".
[[noreturn]] void throw_nonfinite(const ArrayView& array, std::int64_t position, const std::string& operation,
                                  const std::string& name);
/// Smallest and largest of an integer array that is not empty.
[[nodiscard]] std::pair<std::int64_t, std::int64_t> integer_range(const ArrayView& array);

}  // namespace chainrule::train
