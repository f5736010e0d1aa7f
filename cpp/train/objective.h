// An objective other than the mean loss, as it is reported.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "train/data.h"
#include "train/optimizer.h"

namespace chainrule::train {

/// The sum of the squares of a tile's parameters, in double: lanes of a panel by themselves, each in row order, then added in
/// order. 0 for a tile of a vector.
template <class T>
[[nodiscard]] double matrix_squares(const plan::Parameters<T>& parameters, const plan::ParameterTile& tile) {
  constexpr std::size_t kWidth = kernels::kPanelWidth<T>;
  const plan::Parameter<T>& parameter = parameters[tile.parameter];
  if (parameter.shape.size() != 2) return 0;
  const kernels::Panels<const T> master = parameter.master().panels().from_row(tile.rows.begin);
  double total = 0;
  for (std::size_t panel = tile.panels.begin; panel < tile.panels.end; ++panel) {
    const T* const from = master.from_panel(panel).data;
    double sums[kWidth] = {};
    for (std::size_t i = 0; i < tile.row_count() * kWidth; i += kWidth) {
      for (std::size_t lane = 0; lane < kWidth; ++lane) {
        const auto w = static_cast<double>(from[i + lane]);
        sums[lane] += w * w;
      }
    }
    const std::size_t columns = std::min(kWidth, tile.columns - (panel - tile.panels.begin) * kWidth);
    for (std::size_t lane = 0; lane < columns; ++lane) total += sums[lane];
  }
  return total;
}

/// Objectives of batches, averaged over the rows of an epoch. Does nothing where it is not to be reported.
template <class T>
class Objective {
 public:
  explicit Objective(const ObjectiveSettings& settings) : settings_(settings) {}

  /// One for each tile.
  void set_squares(std::vector<double> squares) noexcept { squares_ = std::move(squares); }
  void clear() noexcept {
    sum_ = 0;
    epochs_.clear();
  }
  /// One thread's share of |w|^2, before the step's update.
  void measure(const plan::Parameters<T>& parameters, std::span<const plan::BoundTile<T>> mine) {
    if (!settings_.reported || settings_.shared_l2 == 0) return;
    for (const plan::ParameterTile& tile : mine) squares_[tile.number] = matrix_squares(parameters, tile);
  }
  /// The batch that has been through the row phase, once all threads have measured.
  void add(const BatchRows<T>& batch, std::size_t rows, double weight) {
    if (!settings_.reported || !(weight > 0)) return;
    double loss = 0;
    for (const typename BatchRows<T>::Head& head : batch.heads) {
      for (std::size_t i = 0; i < rows; ++i) loss += head.weight * batch.weight[i] * static_cast<double>(head.loss[i]);
    }
    double squares = 0;
    for (const double of_tile : squares_) squares += of_tile;
    sum_ += static_cast<double>(rows) * ((settings_.reported_scale * loss + 0.5 * settings_.shared_l2 * squares) / weight);
  }
  void finish_epoch(std::size_t rows) {
    if (settings_.reported) epochs_.push_back(sum_ / static_cast<double>(rows));
    sum_ = 0;
  }
  [[nodiscard]] const std::vector<double>& epochs() const noexcept { return epochs_; }

 private:
  ObjectiveSettings settings_;
  std::vector<double> squares_;  // by the tile's number
  double sum_ = 0;               // rows * objective over the epoch under way
  std::vector<double> epochs_;
};

}  // namespace chainrule::train
