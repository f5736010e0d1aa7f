// The training loop: one loss, one optimizer with its state, one plan. A team of threads runs any number of steps and epochs,
// validation included, in one parallel region, and comes back when a step, an epoch, a time or an interrupt says so.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/data.h"
#include "train/evaluator.h"
#include "train/network.h"
#include "train/optimizer.h"
#include "train/trainer_state.h"

namespace chainrule::train {

struct TrainerSettings {
  std::vector<HeadSettings> heads;  // by output
  OptimizerSettings optimizer;
  std::uint64_t seed = 0;
  std::map<std::string, plan::Penalty> penalties = {};  // by the parameters' names
};

enum class RunStatus { epoch, step, time, interrupted };

/// Counts interrupts (Ctrl-C) that have arrived since it was made; the loop stops at the first.
struct StopSignal {
  const std::atomic<std::uint32_t>* count = nullptr;
  std::uint32_t seen = 0;
  [[nodiscard]] bool raised() const noexcept { return count != nullptr && count->load(std::memory_order_relaxed) != seen; }
};

/// Where a run ends: when `epoch` epochs are done, at step `step` of the epoch under way (0: never), or after about `seconds`.
struct RunLimits {
  std::uint64_t epoch = 0;
  std::size_t step = 0;
  double seconds = 0;
};

/// A mean loss and its gradients in the parameters that are trained, by name.
struct LossAndGradients {
  double loss = 0;
  std::vector<std::pair<std::string, Tensor>> gradients;
};

class Trainer {
 public:
  /// `graph` is the training graph of `network`: the same parameters, perhaps dropout between them.
  [[nodiscard]] static std::unique_ptr<Trainer> make(std::shared_ptr<Network> network, const graph::Graph& graph,
                                                     const std::vector<graph::NodeId>& inputs,
                                                     const std::vector<graph::NodeId>& outputs, const TrainerSettings& settings);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;
  virtual ~Trainer() = default;

  [[nodiscard]] virtual double lr() const noexcept = 0;
  virtual void set_lr(double lr) = 0;
  /// The learning rates of the coming batches; a run ends ("time") where they are used up.
  virtual void set_lrs(std::vector<double> lrs) = 0;
  /// Parameters that are not trained from now on, and factors of others' learning rates; std::invalid_argument for an unknown name.
  /// Optimizer state that exists stays.
  virtual void set_groups(const std::vector<std::string>& frozen, const std::map<std::string, double>& factors) = 0;
  [[nodiscard]] virtual std::uint64_t epoch() const noexcept = 0;
  [[nodiscard]] virtual std::size_t step() const noexcept = 0;
  [[nodiscard]] virtual std::size_t steps_per_epoch() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t iterations() const noexcept = 0;

  /// Sets the data, which the caller keeps alive until `unbind`. An epoch left half-way ends; the history starts anew.
  virtual void bind(const Dataset& data, std::size_t batch_size, bool shuffle, const std::optional<Dataset>& validation) = 0;
  virtual void unbind() = 0;
  [[nodiscard]] virtual TrainerState state() = 0;
  /// Goes on from there, all or nothing. Within an epoch only where data is bound: std::invalid_argument otherwise.
  virtual void set_state(const TrainerState& state) = 0;
  /// Trains. TrainingDiverged where a loss is NaN or infinite: the parameters stay as before that step.
  virtual RunStatus run(const RunLimits& limits, StopSignal stop) = 0;
  /// One update from one batch; its mean loss and metrics.
  virtual Averages train_on_batch(const Dataset& batch) = 0;
  virtual Averages evaluate(const Dataset& data) = 0;
  /// Of all rows at once; nothing where a signal stopped it. TrainingDiverged where the loss is NaN or infinite.
  virtual std::optional<LossAndGradients> loss_and_gradients(const Dataset& data, StopSignal stop) = 0;
  /// The parameters' moving averages, by name; a frozen parameter's is the parameter. Empty where the optimizer keeps none.
  [[nodiscard]] virtual std::vector<std::pair<std::string, Tensor>> ema_parameters() = 0;
  /// One entry for each epoch since `bind`; validation is empty where there is none.
  [[nodiscard]] virtual const std::vector<Averages>& history() const noexcept = 0;
  [[nodiscard]] virtual const std::vector<Averages>& validation_history() const noexcept = 0;
  /// The objective of each epoch since `bind`, for an optimizer that asks for it: the mean over rows of its batches'.
  [[nodiscard]] virtual const std::vector<double>& objectives() const noexcept = 0;
  /// The epoch under way so far.
  [[nodiscard]] virtual Averages running() const = 0;
  [[nodiscard]] virtual std::string explain() = 0;

 protected:
  Trainer() = default;
};

}  // namespace chainrule::train
