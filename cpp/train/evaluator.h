// Sums of losses and metrics over rows, and the evaluation of a whole data set.
#pragma once

#include <atomic>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "plan/team_cost.h"
#include "train/data.h"
#include "train/network.h"

namespace chainrule::train {

/// A mean loss (over rows by weight) and metrics.
struct Averages {
  double loss = 0;               // of all heads, each times its weight
  std::vector<double> of_heads;  // each head's loss by itself, where there are several
  std::vector<double> metrics;   // head after head
};

/// Sums in double, added in row order.
struct Sums {
  std::vector<double> losses;  // weight * loss, by head
  double weight = 0;
  std::size_t rows = 0;
  std::vector<double> metrics;       // by row, head after head
  std::vector<Collected> collected;  // by head, for those of all rows together
  double penalty = 0;                // weight * penalty on the parameters

  /// Adds rows [0, rows) of a batch; `penalty_now` on the parameters is part of the batch's mean loss.
  template <class T>
  void add(std::span<const HeadSettings> settings, const BatchRows<T>& batch, std::size_t rows, double penalty_now = 0);
  void add(const Sums& other);
  void clear();
  [[nodiscard]] Averages averages(std::span<const HeadSettings> settings) const;
};

/// The forward phase with the loss. Rows are taken kEvaluationRows at a time, each block's sums by itself, and the blocks' sums are
/// added in order: the result does not depend on the number of threads.
template <class T>
class Evaluator {
 public:
  Evaluator(NetworkOf<T>& network, std::vector<HeadSettings> heads);

  /// To be called by one thread before a team's `run`: makes room for `threads` threads and this data's blocks.
  void prepare(const Dataset& data, int threads);
  /// One thread's share of the blocks.
  void run(const Dataset& data, int thread, int threads);
  /// The means over the same data, once all threads have run. std::invalid_argument where a feature was not finite or a label out
  /// of range, std::out_of_range where a number named no row of an embedding's table.
  [[nodiscard]] Averages result(const Dataset& data) const;
  /// What a team needs that is woken for this.
  [[nodiscard]] plan::TeamCost cost(const Dataset& data);

 private:
  /// Makes the plan for data whose inputs are of other kinds, dense or sparse, than the last.
  void plan_for(const Dataset& data);
  struct Worker {
    Buffer<T> workspace;
    BatchRows<T> rows;
  };

  NetworkOf<T>& network_;
  std::vector<HeadSettings> heads_;
  std::vector<bool> sparse_;  // the inputs that program_ is for
  plan::Program<T> program_;
  std::vector<Worker> workers_;
  std::vector<Sums> blocks_;
  std::vector<Gathered> gathered_;  // by block
  std::atomic<bool> known_{true};
};

/// Adds the heads' losses to a copy of a model's graph: the request has everything but gradients.
struct LossGraph {
  LossGraph(const graph::Graph& base, std::vector<graph::NodeId> inputs, std::vector<graph::NodeId> outputs,
            std::span<const HeadSettings> heads);
  /// Adds the gradients of all parameters, but for those `frozen`, to the request.
  void differentiate(const std::set<std::string>& frozen = {});
  graph::Graph graph;
  plan::Request request;
};

}  // namespace chainrule::train
