// The data of a fit, in the order in which an epoch takes them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plan/execute.h"
#include "train/batch_plan.h"

namespace chainrule::train {

class BoundData {
 public:
  BoundData() = default;
  /// Batches of up to `batch_size` rows. The caller keeps the arrays alive.
  BoundData(const Dataset& data, std::size_t batch_size, bool shuffle, const std::optional<Dataset>& validation);

  [[nodiscard]] bool empty() const noexcept { return batch_size_ == 0; }
  [[nodiscard]] std::span<const Feature> x() const noexcept { return data_.x; }
  [[nodiscard]] std::size_t rows() const noexcept { return data_.rows(); }
  [[nodiscard]] std::size_t batch_size() const noexcept { return batch_size_; }
  [[nodiscard]] std::size_t steps() const noexcept { return steps_; }
  [[nodiscard]] const std::optional<Dataset>& validation() const noexcept { return validation_; }
  /// The most entries that a batch has, by input.
  [[nodiscard]] std::span<const std::size_t> most_entries() const noexcept { return most_entries_; }

  /// Shuffles for an epoch, unless its order is there already.
  void order_for(std::uint64_t seed, std::uint64_t epoch);
  [[nodiscard]] Batch batch(std::size_t step) const;
  /// One thread's rows of the step's batch, where they are worth asking for.
  [[nodiscard]] plan::NextRows rows_of(std::size_t step, int thread, int threads) const noexcept;

 private:
  [[nodiscard]] Selection from(std::size_t first) const noexcept { return {order_.empty() ? nullptr : order_.data(), first}; }

  Dataset data_;
  std::optional<Dataset> validation_;
  std::size_t batch_size_ = 0;
  std::size_t steps_ = 0;  // of an epoch; asked for at every step, which should not divide
  std::vector<std::size_t> most_entries_;
  std::vector<std::int64_t> order_;       // empty: rows in their own order
  std::optional<std::uint64_t> ordered_;  // the epoch that order_ is of
};

}  // namespace chainrule::train
