#include "train/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "base/error.h"

namespace chainrule::train {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::array<const char*, 10> kNames = {"accuracy", "top_k", "mse",       "mae",    "rmse",
                                                "r2",       "auc",   "precision", "recall", "f1"};

const char* name_of(MetricKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

bool is_by_row(MetricKind kind) noexcept {
  return kind == MetricKind::accuracy || kind == MetricKind::top_k || kind == MetricKind::mse || kind == MetricKind::mae ||
         kind == MetricKind::rmse;
}

bool needs_values(MetricKind kind) noexcept {
  return kind == MetricKind::mse || kind == MetricKind::mae || kind == MetricKind::rmse || kind == MetricKind::r2;
}

bool needs_classes(MetricKind kind) noexcept {
  return kind == MetricKind::precision || kind == MetricKind::recall || kind == MetricKind::f1;
}

bool is_r2(MetricKind kind) noexcept { return kind == MetricKind::r2; }
bool is_auc(MetricKind kind) noexcept { return kind == MetricKind::auc; }

/// Whether one of the metrics is of such a kind.
bool wants(const MetricPlan& plan, bool (*is_one)(MetricKind)) {
  return std::any_of(plan.metrics.begin(), plan.metrics.end(), [&](const MetricSettings& metric) { return is_one(metric.kind); });
}

std::size_t class_count(const MetricPlan& plan) noexcept { return std::max<std::size_t>(plan.outputs, 2); }

/// The first largest of n numbers, NaN skipped; n where all are NaN.
template <class T>
std::size_t argmax(const T* x, std::size_t n) noexcept {
  std::size_t best = n;
  for (std::size_t j = 0; j < n; ++j) {
    if (!std::isnan(x[j]) && (best == n || x[j] > x[best])) best = j;
  }
  return best;
}

double ratio(std::uint64_t numerator, std::uint64_t denominator) noexcept {
  return denominator == 0 ? 0.0 : static_cast<double>(numerator) / static_cast<double>(denominator);
}

}  // namespace

plan::Metric row_metric(MetricKind kind) {
  switch (kind) {
    case MetricKind::accuracy:
      return plan::Metric::accuracy;
    case MetricKind::top_k:
      return plan::Metric::top_k;
    case MetricKind::mae:
      return plan::Metric::mae;
    default:
      return plan::Metric::mse;
  }
}

MetricSettings metric_settings(const std::string& name, std::size_t k) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames.at(i)) return {static_cast<MetricKind>(i), k};
  }
  throw std::invalid_argument(
      text("metrics: expected accuracy, top_k, mse, mae, rmse, r2, auc, precision, recall or f1, got ", name));
}

void MetricPlan::check() const {
  for (const MetricSettings& metric : metrics) {
    if (labels && needs_values(metric.kind)) {
      throw std::invalid_argument(
          text("metrics: expected metrics of classes for targets that are labels, got ", name_of(metric.kind)));
    }
    if (metric.kind == MetricKind::top_k && (metric.k == 0 || metric.k > outputs)) {
      throw std::invalid_argument(
          text("metrics: expected k of top_k from 1 to ", outputs, ", the number of outputs, got ", metric.k));
    }
    if (metric.kind == MetricKind::auc && outputs > 2) {
      throw std::invalid_argument(text("metrics: expected one output or two for auc, got ", outputs));
    }
  }
}

bool MetricPlan::keeps_rows() const noexcept {
  return std::any_of(metrics.begin(), metrics.end(), [](const MetricSettings& metric) { return !is_by_row(metric.kind); });
}

std::vector<MetricSettings> MetricPlan::by_row() const {
  std::vector<MetricSettings> result;
  std::copy_if(metrics.begin(), metrics.end(), std::back_inserter(result),
               [](const MetricSettings& metric) { return is_by_row(metric.kind); });
  return result;
}

void Scores::add(double score) {
  values_.push_back(score);
  has_nan_ = has_nan_ || std::isnan(score);
}

void Scores::add(const Scores& other) {
  values_.insert(values_.end(), other.values_.begin(), other.values_.end());
  has_nan_ = has_nan_ || other.has_nan_;
}

void Scores::clear() noexcept {
  values_.clear();
  in_order_ = 0;
  has_nan_ = false;
}

std::span<const double> Scores::sorted() const {
  const auto middle = values_.begin() + static_cast<std::ptrdiff_t>(in_order_);
  std::sort(middle, values_.end());
  std::inplace_merge(values_.begin(), middle, values_.end());
  in_order_ = values_.size();
  return values_;
}

template <class T>
void Collected::add(const MetricPlan& plan, const Rows<T>& rows) {
  const std::size_t n = plan.outputs;
  if (wants(plan, is_r2)) {
    std::vector<Column> columns(n);
    for (std::size_t j = 0; j < n; ++j) {
      // Sums of differences from the first row: exact for a constant column, and nothing cancels far from 0.
      const auto y = [&](std::size_t i) { return static_cast<double>(rows.target[i * n + j]); };
      double sum = 0;
      for (std::size_t i = 0; i < rows.rows; ++i) sum += y(i) - y(0);
      Column& column = columns[j];
      column.mean = y(0) + sum / static_cast<double>(rows.rows);
      for (std::size_t i = 0; i < rows.rows; ++i) {
        const double deviation = y(i) - column.mean;
        const double error = y(i) - static_cast<double>(rows.prediction[i * n + j]);
        column.squares += deviation * deviation;
        column.errors += error * error;
      }
    }
    merge(rows.rows, columns);
  }
  if (wants(plan, is_auc)) {
    for (std::size_t i = 0; i < rows.rows; ++i) {
      const T* const p = rows.prediction + i * n;
      // Of logits the second class's advantage, else what is predicted for it.
      const bool of_logits = n == 2 && plan.threshold == 0;
      const double score = static_cast<double>(p[n - 1]) - (of_logits ? static_cast<double>(p[0]) : 0.0);
      bool positive = false;
      if (plan.labels) {
        positive = rows.label[i] == 1;
      } else {
        const T* const t = rows.target + i * n;
        positive = n == 1 ? t[0] > T{0.5} : t[1] > t[0];
      }
      (positive ? positive_ : negative_).add(score);
    }
  }
  if (wants(plan, needs_classes)) {
    classes_.resize(class_count(plan));
    for (std::size_t i = 0; i < rows.rows; ++i) {
      const T* const p = rows.prediction + i * n;
      const T* const t = plan.labels ? nullptr : rows.target + i * n;
      const std::size_t predicted = n == 1 ? static_cast<std::size_t>(p[0] > static_cast<T>(plan.threshold)) : argmax(p, n);
      std::size_t actual = 0;
      if (plan.labels) {
        actual = static_cast<std::size_t>(rows.label[i]);
      } else {
        actual = n == 1 ? static_cast<std::size_t>(t[0] > T{0.5}) : argmax(t, n);
      }
      if (predicted < classes_.size()) ++classes_[predicted].predicted;
      if (actual < classes_.size()) ++classes_[actual].actual;
      if (predicted == actual && actual < classes_.size()) ++classes_[actual].right;
    }
  }
}

void Collected::merge(std::size_t rows, std::span<const Column> columns) {
  if (rows == 0 || columns.empty()) return;
  if (rows_ == 0) {
    columns_.assign(columns.begin(), columns.end());
    rows_ = rows;
    return;
  }
  // Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
  const auto mine = static_cast<double>(rows_);
  const auto theirs = static_cast<double>(rows);
  const double share = theirs / (mine + theirs);
  for (std::size_t j = 0; j < columns.size(); ++j) {
    const double step = columns[j].mean - columns_[j].mean;
    columns_[j].mean += step * share;
    columns_[j].squares += columns[j].squares + step * step * (mine * share);
    columns_[j].errors += columns[j].errors;
  }
  rows_ += rows;
}

void Collected::add(const Collected& other) {
  merge(other.rows_, other.columns_);
  positive_.add(other.positive_);
  negative_.add(other.negative_);
  classes_.resize(std::max(classes_.size(), other.classes_.size()));
  for (std::size_t c = 0; c < other.classes_.size(); ++c) {
    classes_[c].right += other.classes_[c].right;
    classes_[c].predicted += other.classes_[c].predicted;
    classes_[c].actual += other.classes_[c].actual;
  }
}

void Collected::clear() noexcept {
  rows_ = 0;
  columns_.clear();
  positive_.clear();
  negative_.clear();
  classes_.clear();
}

std::vector<double> Collected::numbers() const {
  // Counts are far below 2^53. Each part begins with its length.
  std::vector<double> all = {static_cast<double>(rows_), static_cast<double>(columns_.size())};
  for (const Column& column : columns_) all.insert(all.end(), {column.mean, column.squares, column.errors});
  for (const Scores* scores : {&positive_, &negative_}) {
    all.push_back(static_cast<double>(scores->values().size()));
    all.insert(all.end(), scores->values().begin(), scores->values().end());
  }
  all.push_back(static_cast<double>(classes_.size()));
  for (const Class& c : classes_) {
    for (const std::uint64_t count : {c.right, c.predicted, c.actual}) all.push_back(static_cast<double>(count));
  }
  return all;
}

Collected Collected::from_numbers(std::span<const double> numbers) {
  std::size_t next = 0;
  const auto refuse = [] { throw std::invalid_argument("state: expected what metrics have collected, got something else"); };
  const auto number = [&] {
    if (next == numbers.size()) refuse();
    return numbers[next++];
  };
  const auto count = [&] {
    const double value = number();
    if (!(value >= 0 && value < 0x1p53) || value != std::floor(value)) refuse();
    return static_cast<std::uint64_t>(value);
  };
  const auto length = [&](std::size_t each) {
    const std::uint64_t items = count();
    if (items > (numbers.size() - next) / each) refuse();
    return static_cast<std::size_t>(items);
  };
  Collected made;
  made.rows_ = static_cast<std::size_t>(count());
  made.columns_.resize(length(3));
  for (Column& column : made.columns_) {
    column.mean = number();
    column.squares = number();
    column.errors = number();
  }
  for (Scores* scores : {&made.positive_, &made.negative_}) {
    for (std::size_t left = length(1); left > 0; --left) scores->add(number());
  }
  made.classes_.resize(length(3));
  for (Class& c : made.classes_) {
    c.right = count();
    c.predicted = count();
    c.actual = count();
  }
  if (next != numbers.size()) refuse();
  return made;
}

void Collected::check(const MetricPlan& plan) const {
  const bool no_columns = rows_ == 0 && columns_.empty();
  const bool columns = wants(plan, is_r2) ? no_columns || (rows_ > 0 && columns_.size() == plan.outputs) : no_columns;
  const bool scores = wants(plan, is_auc) || (positive_.values().empty() && negative_.values().empty());
  const bool classes = classes_.empty() || (wants(plan, needs_classes) && classes_.size() == class_count(plan));
  if (!columns || !scores || !classes)
    throw std::invalid_argument("state: expected what these metrics collect, got something else");
}

double Collected::r2() const {
  if (rows_ < 2) return kNaN;
  double sum = 0;
  for (const Column& column : columns_) {
    const double constant = column.errors == 0 ? 1.0 : 0.0;
    sum += column.squares == 0 ? constant : 1.0 - column.errors / column.squares;
  }
  return sum / static_cast<double>(columns_.size());
}

double Collected::auc() const {
  if (positive_.has_nan() || negative_.has_nan()) return kNaN;
  const std::span<const double> positive = positive_.sorted();
  const std::span<const double> negative = negative_.sorted();
  if (positive.empty() || negative.empty()) return kNaN;
  std::uint64_t twice = 0;  // the pairs that are right, a tie as one of two halves
  auto below = negative.begin();
  auto up_to = negative.begin();
  for (const double score : positive) {
    while (below != negative.end() && *below < score) ++below;
    while (up_to != negative.end() && *up_to <= score) ++up_to;
    twice += static_cast<std::uint64_t>((below - negative.begin()) + (up_to - negative.begin()));
  }
  return static_cast<double>(twice) / (2.0 * static_cast<double>(positive.size()) * static_cast<double>(negative.size()));
}

double Collected::class_score(MetricKind kind) const {
  const auto score = [&](const Class& c) {
    if (kind == MetricKind::precision) return ratio(c.right, c.predicted);
    if (kind == MetricKind::recall) return ratio(c.right, c.actual);
    return ratio(2 * c.right, c.predicted + c.actual);
  };
  if (classes_.size() <= 2) return classes_.size() == 2 ? score(classes_[1]) : 0.0;
  double sum = 0;
  double count = 0;
  for (const Class& c : classes_) {
    if (c.predicted + c.actual == 0) continue;
    sum += score(c);
    count += 1;
  }
  return count > 0 ? sum / count : 0.0;
}

std::vector<double> metric_values(const MetricPlan& plan, std::span<const double> row_sums, std::size_t rows,
                                  const Collected& collected) {
  std::vector<double> values;
  std::size_t next = 0;
  const auto mean = [&] {
    const double sum = next < row_sums.size() ? row_sums[next] : 0.0;
    ++next;
    return rows > 0 ? sum / static_cast<double>(rows) : 0.0;
  };
  for (const MetricSettings& metric : plan.metrics) {
    switch (metric.kind) {
      case MetricKind::accuracy:
      case MetricKind::top_k:
      case MetricKind::mse:
      case MetricKind::mae:
        values.push_back(mean());
        break;
      case MetricKind::rmse:
        values.push_back(std::sqrt(mean()));
        break;
      case MetricKind::r2:
        values.push_back(collected.r2());
        break;
      case MetricKind::auc:
        values.push_back(collected.auc());
        break;
      case MetricKind::precision:
      case MetricKind::recall:
      case MetricKind::f1:
        values.push_back(collected.class_score(metric.kind));
        break;
    }
  }
  return values;
}

template void Collected::add(const MetricPlan&, const Rows<float>&);
template void Collected::add(const MetricPlan&, const Rows<double>&);

}  // namespace chainrule::train
