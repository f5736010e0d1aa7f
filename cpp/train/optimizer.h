// Optimizers: which kernel updates the parameters, what state it keeps, and its scalars at each step.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plan/execute.h"

namespace chainrule::train {

enum class Rule : std::uint8_t { sgd, adam, adamw, rmsprop, adagrad, lion };

/// An objective other than the mean loss: scale * loss + shared_l2 / 2 |w|^2 / (the batch's total weight), w being the matrices
/// alone. It is minimised with `loss_scale`, and where it is `reported`, with `reported_scale`.
struct ObjectiveSettings {
  double shared_l2 = 0;
  double loss_scale = 1;
  double reported_scale = 1;
  bool reported = false;
};

struct OptimizerSettings {
  Rule rule = Rule::sgd;
  double lr = 0;
  double weight_decay = 0;
  bool lr_in_velocity = false;  // SGD: v = momentum v - lr g, w += v, so that a new lr leaves the velocity gathered as it is
  bool epsilon_hat = false;     // Adam: epsilon is added to sqrt(v) before its bias is corrected
  ObjectiveSettings objective;
  double momentum = 0;  // SGD, RMSprop
  bool nesterov = false;
  bool centered = false;  // RMSprop
  double beta1 = 0;       // Adam, AdamW, Lion
  double beta2 = 0;       // and RMSprop's alpha
  double epsilon = 0;
  double lr_decay = 0;             // Adagrad
  double initial_accumulator = 0;  // Adagrad
  double clipnorm = 0;             // the most that the norm of all gradients may be; 0: whatever it is
  std::size_t accumulate = 1;      // batches whose mean gradient makes one update
  double ema = 0;                  // decay of the parameters' moving averages; 0: none are kept
};

/// From names and numbers; std::invalid_argument for an unknown optimizer or setting.
[[nodiscard]] OptimizerSettings optimizer_settings(const std::string& name, const std::map<std::string, double>& values);

/// What updates leave behind for the next: matrices that follow the parameters (in their order, in their masters' layout; empty for
/// one that was never trained), and numbers. What is listed here is what files hold.
template <class T>
struct OptimizerState {
  std::vector<std::pair<std::string, std::vector<plan::PanelMatrix<T>>*>> matrices;
  std::vector<std::pair<std::string, double*>> numbers;
};

template <class T>
class Optimizer {
 public:
  /// Nothing is trained until `train`.
  explicit Optimizer(const OptimizerSettings& settings);
  /// The parameters to be trained from now on, with factors of the learning rate, by number; state that exists stays.
  void train(plan::Parameters<T>& parameters, const std::vector<std::size_t>& numbers, const std::vector<double>& factors);

  [[nodiscard]] double lr() const noexcept { return settings_.lr; }
  void set_lr(double lr) noexcept;
  /// The learning rates of the coming batches, one for each, until they are used up.
  void set_lrs(std::vector<double> lrs) noexcept;
  [[nodiscard]] bool needs_lrs() const noexcept { return !lrs_.empty() && next_lr_ == lrs_.size(); }

  /// Sets the scalars of the next update, on a batch of this total weight. Powers of beta are running products: the same bits
  /// everywhere, which a library's pow is not.
  void prepare(double weight) noexcept;
  /// The batch for which `prepare` set the scalars has been taken.
  void commit() noexcept;
  [[nodiscard]] OptimizerState<T> state();
  [[nodiscard]] plan::Update<T>& update() noexcept { return update_; }

  /// Whether gradients go through memory: where an update needs those of all parameters, or of several batches.
  [[nodiscard]] bool keeps_gradients() const noexcept { return settings_.clipnorm > 0 || settings_.accumulate > 1; }
  [[nodiscard]] plan::Gradients<T>& gradients() noexcept { return gradients_; }
  /// The batches summed since the last update count no more.
  void drop_gradients() noexcept { accumulated_ = 0; }
  [[nodiscard]] bool clips() const noexcept { return settings_.clipnorm > 0; }
  /// Whether the batch is the first, and the last, of those that make an update.
  [[nodiscard]] bool begins_update() const noexcept { return accumulated_ == 0; }
  [[nodiscard]] bool ends_update() const noexcept { return accumulated_ + 1 == static_cast<double>(settings_.accumulate); }
  /// What the sums of gradients are multiplied by; `norm` is that of the sums.
  [[nodiscard]] T gradient_scale(double norm) const noexcept;
  /// In words, what of this an update does beside its rule; "" for nothing.
  [[nodiscard]] std::string explain() const;

 private:
  /// Sets what of them depends on the step.
  void set_lr_of(kernels::UpdateScalars<T>& scalars, double lr) const noexcept;

  OptimizerSettings settings_;
  plan::Update<T> update_;
  std::vector<bool> matrices_;  // by parameter; those that the penalty acts on
  plan::Gradients<T> gradients_;
  std::vector<double> factors_;  // of the learning rate, by parameter; empty: 1 for all
  std::vector<double> lrs_;
  std::size_t next_lr_ = 0;
  double accumulated_ = 0;  // batches since the last update
  double updates_ = 0;
  double beta1_power_ = 1;
  double beta2_power_ = 1;
};

}  // namespace chainrule::train
