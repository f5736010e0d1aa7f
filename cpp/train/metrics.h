// Metrics: what is counted of rows beside the loss. Some are means of a number that each row has by itself, from the row phase
// (plan::RowMetric). The others are of all rows together, from the predictions and targets that the row phase keeps for them.
//
// Every result is the same for any number of threads: sums of blocks are added in the blocks' order, and what is counted or sorted
// does not depend on the order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plan/execute.h"

namespace chainrule::train {

enum class MetricKind : std::uint8_t { accuracy, top_k, mse, mae, rmse, r2, auc, precision, recall, f1 };

struct MetricSettings {
  MetricKind kind = MetricKind::accuracy;
  std::size_t k = 0;  // of top_k
};

/// The number of each row whose mean, or for rmse its root, the metric is.
[[nodiscard]] plan::Metric row_metric(MetricKind kind);

/// From a name; std::invalid_argument for an unknown one.
[[nodiscard]] MetricSettings metric_settings(const std::string& name, std::size_t k);

/// What is counted, and on which predictions.
struct MetricPlan {
  std::vector<MetricSettings> metrics;
  bool labels = false;      // what targets are
  std::size_t outputs = 0;  // columns of predictions, and of targets that are values
  double threshold = 0;     // the side of it that a single prediction lies on is its class

  /// std::invalid_argument where a metric is not defined for such predictions and targets.
  void check() const;
  /// Whether rows must be kept for the metrics of all rows together.
  [[nodiscard]] bool keeps_rows() const noexcept;
  /// The metrics by row, in order.
  [[nodiscard]] std::vector<MetricSettings> by_row() const;
};

/// Rows of a batch: predictions and targets row-major, or labels instead of targets.
template <class T>
struct Rows {
  const T* prediction = nullptr;
  const T* target = nullptr;
  const std::int32_t* label = nullptr;
  std::size_t rows = 0;
};

/// Numbers that are put in order when somebody asks, each once: who looks at an epoch after every step pays for the new ones only.
class Scores {
 public:
  void add(double score);
  void add(const Scores& other);
  void clear() noexcept;
  [[nodiscard]] bool has_nan() const noexcept { return has_nan_; }
  [[nodiscard]] std::span<const double> values() const noexcept { return values_; }
  /// In ascending order; without a NaN among them.
  [[nodiscard]] std::span<const double> sorted() const;

 private:
  mutable std::vector<double> values_;
  mutable std::size_t in_order_ = 0;  // so many at the front
  bool has_nan_ = false;
};

/// What the metrics of all rows together need of them.
class Collected {
 public:
  template <class T>
  void add(const MetricPlan& plan, const Rows<T>& rows);
  void add(const Collected& other);
  void clear() noexcept;
  /// All of it as numbers, for files, and back: std::invalid_argument for what no `numbers` gave.
  [[nodiscard]] std::vector<double> numbers() const;
  static Collected from_numbers(std::span<const double> numbers);
  /// std::invalid_argument for what was collected for other metrics or other predictions.
  void check(const MetricPlan& plan) const;

  /// R^2 = 1 - sum (y - p)^2 / sum (y - mean y)^2 of each column, their mean; a column that is constant counts 1 where it is
  /// predicted exactly and else 0; NaN for fewer than two rows (scikit-learn's r2_score).
  [[nodiscard]] double r2() const;
  /// The share of pairs of a positive and a negative row in which the positive has the larger score, ties counting half: the area
  /// under the ROC curve (scikit-learn's roc_auc_score). NaN where there is no such pair, or a score is NaN.
  [[nodiscard]] double auc() const;
  /// Of class 1 where there are two, else the mean over the classes that are predicted or true somewhere; 0 / 0 counts as 0.
  [[nodiscard]] double class_score(MetricKind kind) const;

 private:
  /// Moments of the target in one column, and the sum of squared errors.
  struct Column {
    double mean = 0;
    double squares = 0;  // of (y - mean)
    double errors = 0;
  };
  struct Class {
    std::uint64_t right = 0;  // predicted and true
    std::uint64_t predicted = 0;
    std::uint64_t actual = 0;
  };
  void merge(std::size_t rows, std::span<const Column> columns);

  std::size_t rows_ = 0;
  std::vector<Column> columns_;
  Scores positive_;
  Scores negative_;
  std::vector<Class> classes_;
};

/// The metrics' values in the order of the plan. `row_sums` are those of its metrics by row over `rows` rows.
[[nodiscard]] std::vector<double> metric_values(const MetricPlan& plan, std::span<const double> row_sums, std::size_t rows,
                                                const Collected& collected);

}  // namespace chainrule::train
