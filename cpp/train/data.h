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
#include "train/sparse.h"

namespace chainrule::train {

/// What goes into one input of a network.
struct Feature {
  ArrayView array;
  double scale = 1;                                 // all values are multiplied by it
  std::optional<SparseView> sparse = std::nullopt;  // taken instead of the array
  [[nodiscard]] std::size_t rows() const noexcept { return sparse ? sparse->rows() : array.rows; }
  [[nodiscard]] std::size_t columns() const noexcept { return sparse ? sparse->columns : array.columns; }
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
  [[nodiscard]] std::size_t rows() const noexcept { return x.empty() ? 0 : x.front().rows(); }
};

/// "x", or of several inputs "x[1]".
[[nodiscard]] std::string name_of_input(std::size_t input, std::size_t inputs);

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
    [[nodiscard]] bool keeps_rows() const noexcept { return kept_predictions.size() != 0; }
    /// Rows [0, rows) as they were kept.
    [[nodiscard]] Rows<T> kept(std::size_t rows) const noexcept;
  };
  BatchRows(std::size_t capacity, std::span<const HeadSettings> settings);

  std::vector<plan::SparseBatch<T>> x;  // by input; rows and entries only where that is sparse
  Buffer<double> weight;
  std::vector<Head> heads;
  std::vector<plan::HeadRows<T>> rows;  // of the heads, as steps take them
};

/// The sum of the batch's weights in row order; its number of rows where the data has none.
[[nodiscard]] double total_weight(const Dataset& data, Selection selection, std::size_t rows);

/// Makes room for batches of `rows` rows of those inputs that are sparse; `entries` of each, by input.
template <class T>
void reserve(std::vector<plan::SparseBatch<T>>& batch, std::span<const Feature> x, std::size_t rows,
             std::span<const std::size_t> entries);
/// Which inputs are sparse, and the mean number of entries in their rows (0 of a dense one).
[[nodiscard]] std::vector<bool> sparse_inputs(std::span<const Feature> x);
[[nodiscard]] std::vector<double> mean_entries(std::span<const Feature> x);
/// The most entries that a batch of `rows` rows has, by input.
[[nodiscard]] std::vector<std::size_t> most_entries(std::span<const Feature> x, std::size_t rows);
/// Those that rows [rows.begin, rows.end) have.
[[nodiscard]] std::vector<std::size_t> entries_of(std::span<const Feature> x, Range rows);

/// What was found in the rows of a batch.
struct Gathered {
  bool finite = true;    // features, in the network's type
  bool labelled = true;  // labels are in [0, columns of their output); another is replaced by 0
};

/// Gathers rows [rows.begin, rows.end) of the batch: features, targets or labels, weights, and each head's seeds = weight /
/// `total`, times the head's weight.
template <class T>
[[nodiscard]] Gathered gather(const plan::Program<T>& program, const Dataset& data, Selection selection, Range rows, double total,
                              T* workspace, BatchRows<T>& batch);

/// Only the features; whether all are finite.
template <class T>
[[nodiscard]] bool gather_features(const plan::Program<T>& program, std::span<const Feature> x, Selection selection, Range rows,
                                   T* workspace, std::span<plan::SparseBatch<T>> sparse);

/// std::invalid_argument that names the first element among those rows which is not finite as a `dtype`.
[[noreturn]] void throw_nonfinite(std::span<const Feature> x, DType dtype, Selection selection, Range rows,
                                  const std::string& operation);
/// std::invalid_argument where an array is not what it was when it was looked at first.
[[noreturn]] void throw_changed(const std::string& operation, const std::string& name);

/// Among rows [rows.begin, rows.end) of the selection, the first element that is not finite as a `dtype`: its position in C order
/// in the whole array, or -1.
[[nodiscard]] std::int64_t first_nonfinite(const ArrayView& array, DType dtype, Selection selection, Range rows);
/// std::invalid_argument that names what lies at that position: "fit: expected finite values in x, got nan at row 2, column 1".
[[noreturn]] void throw_nonfinite(const ArrayView& array, std::int64_t position, const std::string& operation,
                                  const std::string& name);
/// Smallest and largest of an integer array that is not empty.
[[nodiscard]] std::pair<std::int64_t, std::int64_t> integer_range(const ArrayView& array);

}  // namespace chainrule::train
