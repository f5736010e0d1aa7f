// Optimizers: which kernel updates the parameters, what state it keeps, and its scalars at each step.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "plan/execute.h"

namespace chainrule::train {

enum class Rule : std::uint8_t { sgd, adam, adamw };

struct OptimizerSettings {
  Rule rule = Rule::sgd;
  double lr = 0;
  double momentum = 0;  // SGD
  bool nesterov = false;
  double beta1 = 0;  // Adam, AdamW
  double beta2 = 0;
  double epsilon = 0;
  double weight_decay = 0;
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
  void set_lr(double lr) noexcept { settings_.lr = lr; }
  /// Sets the scalars of the next update. Powers of beta are running products: the same bits everywhere, which a library's pow is
  /// not.
  void prepare() noexcept;
  /// The update for which `prepare` set the scalars has been made.
  void commit() noexcept;
  [[nodiscard]] OptimizerState<T> state();
  [[nodiscard]] plan::Update<T>& update() noexcept { return update_; }

 private:
  OptimizerSettings settings_;
  plan::Update<T> update_;
  double beta1_power_ = 1;
  double beta2_power_ = 1;
};

}  // namespace chainrule::train
