// A plan for batches with the memory that they go through, and the row phase on it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "plan/team_cost.h"
#include "train/evaluator.h"
#include "train/run.h"

namespace chainrule::train {

/// What keys the random numbers of a step.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
};

/// Rows of a data set that make a batch. Their weights are divided by `total`.
struct Batch {
  const Dataset& data;
  Selection selection;
  std::size_t rows = 0;
  double total = 0;
};
/// Such rows, divided by the sum of their weights.
[[nodiscard]] inline Batch batch_of(const Dataset& data, Selection selection, std::size_t rows) {
  return {data, selection, rows, total_weight(data, selection, rows)};
}

/// Plan and memory belong together: a new plan is made whole before it takes an old one's place.
template <class T>
class BatchPlan {
 public:
  BatchPlan(const LossGraph& graph, plan::Parameters<T>& parameters, std::span<const HeadSettings> heads, std::size_t rows,
            std::vector<bool> sparse);

  [[nodiscard]] const plan::Program<T>& program() const noexcept { return program_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return program_.capacity; }
  /// The inputs that the plan is for.
  [[nodiscard]] const std::vector<bool>& sparse() const noexcept { return sparse_; }
  [[nodiscard]] std::size_t tiles() const noexcept { return tiles_.size(); }
  /// Where the row phase leaves losses and metrics.
  [[nodiscard]] const BatchRows<T>& rows() const noexcept { return rows_; }

  /// Room for so many entries of the sparse inputs.
  void reserve_entries(std::span<const Feature> x, std::span<const std::size_t> entries);
  /// Divides the tiles among a team for batches of `rows` rows, and binds them. The tiles' order changes, their numbers stay.
  void share_among(int threads, std::size_t rows, plan::Schedule schedule, plan::Parameters<T>& parameters,
                   plan::Update<T>& update);
  [[nodiscard]] std::span<const plan::BoundTile<T>> tiles_of(int thread) const noexcept;

  /// One thread's part of forward, loss and backward, up to and with the barrier after it.
  void run_rows(Run& run, int thread, const plan::Parameters<T>& parameters, const Batch& batch, RandomKey random);
  /// What the parameter phase reads of the batch.
  [[nodiscard]] plan::BatchValues<T> values(int thread, std::size_t rows) noexcept;
  /// After the row phase of a batch in training.
  void update_running(plan::Parameters<T>& parameters, std::size_t rows);

  /// Where a loss is not finite, the first layer whose values are not. Takes the batch through the row phase again, one step at a
  /// time: the parameters are as they were, and so are all values.
  [[nodiscard]] std::string diverged_layer(Run& replay, const plan::Parameters<T>& parameters, const Batch& batch, RandomKey random,
                                           std::span<const HeadSettings> heads);
  /// The parameter whose gradient is not finite, or else the largest.
  [[nodiscard]] std::string overflowed_parameter(const plan::Parameters<T>& parameters, const plan::Gradients<T>& gradients) const;

 private:
  [[nodiscard]] plan::RowContext<T> context(Run& run, RandomKey random) noexcept;

  std::vector<bool> sparse_;
  plan::Program<T> program_;
  std::vector<plan::ParameterTile> tiles_;
  Buffer<T> workspace_;
  BatchRows<T> rows_;
  std::vector<plan::BoundTile<T>> bound_tiles_;
  std::vector<Range> shares_;       // of tiles, by thread
  std::vector<std::size_t> hints_;  // where sparse rows' entries are: of each thread, one for each row
};

}  // namespace chainrule::train
