// Sums of losses and metrics over rows, and the evaluation of a whole data set.
#pragma once

#include <memory>
#include <vector>

#include "plan/team_cost.h"
#include "train/data.h"
#include "train/network.h"

namespace chainrule::train {

/// A mean loss (over rows by weight) and mean metrics (over rows).
struct Averages {
  double loss = 0;
  std::vector<double> metrics;
};

/// Sums in double, added in row order.
struct Sums {
  double loss = 0;  // weight * loss
  double weight = 0;
  std::size_t rows = 0;
  std::vector<double> metrics;

  /// Adds rows [0, rows) of a batch.
  template <class T>
  void add(const BatchRows<T>& batch, std::size_t rows);
  void add(const Sums& other);
  void clear();
  [[nodiscard]] Averages averages() const;
};

/// The forward phase with the loss. Rows are taken kEvaluationRows at a time, each block's sums by itself, and the blocks' sums are
/// added in order: the result does not depend on the number of threads.
template <class T>
class Evaluator {
 public:
  Evaluator(NetworkOf<T>& network, const graph::SharedOperation& loss, double alpha, bool labels, std::vector<plan::Metric> metrics,
            double threshold);

  /// To be called by one thread before a team's `run`: makes room for `threads` threads and this data's blocks.
  void prepare(const Dataset& data, int threads);
  /// One thread's share of the blocks.
  void run(const Dataset& data, int thread, int threads);
  /// The means, once all threads have run. std::invalid_argument where a label was out of range.
  [[nodiscard]] Averages result() const;
  /// What a team needs that is woken for this.
  [[nodiscard]] plan::TeamCost cost(const Dataset& data) const noexcept;

 private:
  struct Worker {
    Buffer<T> workspace;
    BatchRows<T> rows;
  };

  NetworkOf<T>& network_;
  std::vector<plan::Metric> metrics_;
  double threshold_;
  plan::Program<T> program_;
  std::vector<Worker> workers_;
  std::vector<Sums> blocks_;
  std::vector<char> valid_;  // by block
};

/// Adds the loss to a copy of a model's graph: its inputs, and the request without gradients.
struct LossGraph {
  LossGraph(const graph::Graph& base, graph::NodeId input, graph::NodeId output, const graph::SharedOperation& loss, double alpha,
            bool labels);
  graph::Graph graph;
  plan::Request request;
};

}  // namespace chainrule::train
