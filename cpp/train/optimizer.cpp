#include "train/optimizer.h"

#include <cmath>

#include "base/error.h"

namespace chainrule::train {

OptimizerSettings optimizer_settings(const std::string& name, const std::map<std::string, double>& values) {
  OptimizerSettings settings;
  const bool sgd = name == "sgd";
  if (!sgd && name != "adam" && name != "adamw") {
    throw std::invalid_argument(text("optimizer: expected sgd, adam or adamw, got ", name));
  }
  settings.rule = sgd ? Rule::sgd : name == "adam" ? Rule::adam : Rule::adamw;
  for (const auto& [key, value] : values) {
    if (key == "lr") {
      settings.lr = value;
    } else if (key == "weight_decay") {
      settings.weight_decay = value;
    } else if (key == "shared_l2") {
      settings.objective.shared_l2 = value;
    } else if (key == "loss_scale") {
      settings.objective.loss_scale = value;
    } else if (key == "reported_scale") {
      settings.objective.reported_scale = value;
      settings.objective.reported = true;
    } else if (sgd && key == "lr_in_velocity") {
      settings.lr_in_velocity = value != 0;
    } else if (!sgd && key == "epsilon_hat") {
      settings.epsilon_hat = value != 0;
    } else if (sgd && key == "momentum") {
      settings.momentum = value;
    } else if (sgd && key == "nesterov") {
      settings.nesterov = value != 0;
    } else if (!sgd && key == "beta1") {
      settings.beta1 = value;
    } else if (!sgd && key == "beta2") {
      settings.beta2 = value;
    } else if (!sgd && key == "epsilon") {
      settings.epsilon = value;
    } else {
      throw std::invalid_argument(text(name, ": expected one of its settings, got ", key));
    }
  }
  return settings;
}

template <class T>
Optimizer<T>::Optimizer(const OptimizerSettings& settings, const plan::Parameters<T>& parameters) : settings_(settings) {
  const kernels::KernelTable<T>& table = kernels::active_tables().of<T>();
  const auto add_state = [&](std::vector<plan::PanelMatrix<T>>& state) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      state.emplace_back(parameters[i].master_rows(), parameters[i].master_columns());
  };
  const auto use = [&](auto kernel, auto outer) {
    update_.kernel = kernel;
    update_.outer = outer;
  };
  for (std::size_t i = 0; i < parameters.size(); ++i) matrices_.push_back(parameters[i].shape.size() == 2);
  if (settings.objective.shared_l2 != 0) update_.scalars_by_parameter.resize(parameters.size());
  if (settings.rule == Rule::sgd) {
    if (settings.momentum == 0) {
      use(table.update_sgd, table.update_sgd_outer);
    } else if (settings.nesterov) {
      use(table.update_nesterov, table.update_nesterov_outer);
    } else {
      use(table.update_momentum, table.update_momentum_outer);
    }
    if (settings.momentum != 0) add_state(update_.first);
  } else {
    use(table.update_adam, table.update_adam_outer);
    add_state(update_.first);
    add_state(update_.second);
  }
}

template <class T>
void Optimizer<T>::set_lr(double lr) noexcept {
  if (settings_.lr_in_velocity && lr > 0 && lr != settings_.lr) {
    // The state is -velocity / lr.
    const T factor = static_cast<T>(settings_.lr / lr);
    for (plan::PanelMatrix<T>& velocity : update_.first) {
      for (T& element : velocity.elements()) element *= factor;
    }
  }
  settings_.lr = lr;
}

template <class T>
kernels::UpdateScalars<T> Optimizer<T>::scalars(double lr) const noexcept {
  kernels::UpdateScalars<T> scalars = {};
  const bool decoupled = settings_.rule == Rule::adamw;
  scalars.weight_decay = static_cast<T>(decoupled ? 0.0 : settings_.weight_decay);
  scalars.decay_factor = static_cast<T>(decoupled ? 1.0 - lr * settings_.weight_decay : 1.0);
  scalars.momentum = static_cast<T>(settings_.momentum);
  scalars.lr = static_cast<T>(lr);
  if (settings_.rule == Rule::sgd) return scalars;
  scalars.lr = static_cast<T>(lr / (1.0 - beta1_power_ * settings_.beta1));
  scalars.beta1 = static_cast<T>(settings_.beta1);
  scalars.one_minus_beta1 = static_cast<T>(1.0 - settings_.beta1);
  scalars.beta2 = static_cast<T>(settings_.beta2);
  scalars.one_minus_beta2 = static_cast<T>(1.0 - settings_.beta2);
  const double inverse_sqrt_bias2 = 1.0 / std::sqrt(1.0 - beta2_power_ * settings_.beta2);
  scalars.epsilon = static_cast<T>(settings_.epsilon_hat ? settings_.epsilon * inverse_sqrt_bias2 : settings_.epsilon);
  scalars.inverse_sqrt_bias2 = static_cast<T>(inverse_sqrt_bias2);
  return scalars;
}

template <class T>
void Optimizer<T>::prepare(double weight) noexcept {
  update_.scalars = scalars(settings_.lr);
  if (settings_.objective.shared_l2 == 0) return;
  const T decay = static_cast<T>(weight > 0 ? settings_.objective.shared_l2 / weight : 0.0);
  for (std::size_t i = 0; i < matrices_.size(); ++i) {
    update_.scalars_by_parameter[i] = update_.scalars;
    if (matrices_[i]) update_.scalars_by_parameter[i].weight_decay += decay;
  }
}

template <class T>
void Optimizer<T>::commit() noexcept {
  beta1_power_ *= settings_.beta1;
  beta2_power_ *= settings_.beta2;
}

template <class T>
OptimizerState<T> Optimizer<T>::state() {
  return {{{"first", &update_.first}, {"second", &update_.second}},
          {{"beta1_power", &beta1_power_}, {"beta2_power", &beta2_power_}}};
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace chainrule::train
