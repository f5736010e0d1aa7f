// The mean loss of a whole data set and its gradients, for optimizers that ask for both at chosen parameters.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "train/batch_plan.h"

namespace chainrule::train {

/// One data set taken through the network in blocks: the gradients of a block's rows are one chain of sums, and the blocks' are
/// added in order, so that the result does not depend on the number of threads.
template <class T>
class FullGradient {
 public:
  /// Rows of a block.
  static constexpr std::size_t kRows = 1024;

  /// All that is referred to stays as it is until `result`.
  FullGradient(BatchPlan<T>& plan, plan::Parameters<T>& parameters, std::span<const HeadSettings> heads, const Dataset& data,
               RandomKey random);

  /// One thread's part, until all blocks are done or the run's signal is raised.
  void run(Run& run, int thread);
  [[nodiscard]] bool done() const noexcept { return place_.first == data_.rows(); }
  /// The block under way.
  [[nodiscard]] Batch block() const noexcept { return {data_, place_, std::min(kRows, data_.rows() - place_.first), total_}; }
  /// Once done, without the value of the penalties. The gradients by name, of the parameters that are trained.
  [[nodiscard]] double loss() const { return sums_.averages(heads_).loss; }
  [[nodiscard]] std::vector<std::pair<std::string, Tensor>> gradients() const;

 private:
  BatchPlan<T>& plan_;
  plan::Parameters<T>& parameters_;
  std::span<const HeadSettings> heads_;
  const Dataset& data_;
  RandomKey random_;
  double total_;
  Selection place_;
  plan::Gradients<T> gradients_;
  Sums sums_;
};

}  // namespace chainrule::train
