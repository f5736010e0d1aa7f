// Optimizers: which kernel updates the parameters, what state it keeps, and its scalars at each step.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plan/execute.h"

namespace chainrule::train {

enum class Rule : std::uint8_t { sgd, adam, adamw };

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
  double momentum = 0;  // SGD
  bool nesterov = false;
  double beta1 = 0;  // Adam, AdamW
  double beta2 = 0;
  double epsilon = 0;
  double weight_decay = 0;
  bool lr_in_velocity = false;  // SGD: v = momentum v - lr g, w += v, so that a new lr leaves the velocity gathered as it is
  bool epsilon_hat = false;     // Adam: epsilon is added to sqrt(v) before its bias is corrected
  ObjectiveSettings objective;
};

/// From names and numbers; std::invalid_argument for an unknown optimizer or setting.
[[nodiscard]] OptimizerSettings optimizer_settings(const std::string& name, const std::map<std::string, double>& values);

/// What updates leave behind for the next: matrices that follow the parameters (in their order, in their masters' layout), and
/// numbers. What is listed here is what files hold.
template <class T>
struct OptimizerState {
  std::vector<std::pair<std::string, std::vector<plan::PanelMatrix<T>>*>> matrices;
  std::vector<std::pair<std::string, double*>> numbers;
};

template <class T>
class Optimizer {
 public:
  Optimizer(const OptimizerSettings& settings, const plan::Parameters<T>& parameters);

  [[nodiscard]] double lr() const noexcept { return settings_.lr; }
  void set_lr(double lr) noexcept;
  /// Sets the scalars of the next update, on a batch of this total weight. Powers of beta are running products: the same bits
  /// everywhere, which a library's pow is not.
  void prepare(double weight) noexcept;
  /// The update for which `prepare` set the scalars has been made.
  void commit() noexcept;
  [[nodiscard]] OptimizerState<T> state();
  [[nodiscard]] plan::Update<T>& update() noexcept { return update_; }

 private:
  [[nodiscard]] kernels::UpdateScalars<T> scalars(double lr) const noexcept;

  OptimizerSettings settings_;
  plan::Update<T> update_;
  std::vector<bool> matrices_;  // by parameter; those that the penalty acts on
  double beta1_power_ = 1;
  double beta2_power_ = 1;
};

}  // namespace chainrule::train
