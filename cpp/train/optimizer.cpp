#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace chainrule::train {
namespace {

struct RuleName {
  const char* name;
  Rule rule;
};
constexpr RuleName kRules[] = {{"sgd", Rule::sgd},         {"adam", Rule::adam},       {"adamw", Rule::adamw},
                               {"rmsprop", Rule::rmsprop}, {"adagrad", Rule::adagrad}, {"lion", Rule::lion}};

constexpr unsigned bit(Rule rule) { return 1U << static_cast<unsigned>(rule); }
constexpr unsigned kAdams = bit(Rule::adam) | bit(Rule::adamw);
constexpr unsigned kAll = ~0U;

constexpr bool is_adam(Rule rule) { return (bit(rule) & kAdams) != 0; }
/// Whether weight decay is no part of the gradient.
constexpr bool has_decoupled_decay(Rule rule) { return rule == Rule::adamw || rule == Rule::lion; }

struct Setting {
  const char* name;
  unsigned rules;  // that have it
  void (*set)(OptimizerSettings&, double);
};
constexpr Setting kSettings[] = {
    {"lr", kAll, [](OptimizerSettings& s, double v) { s.lr = v; }},
    {"weight_decay", kAll, [](OptimizerSettings& s, double v) { s.weight_decay = v; }},
    {"clipnorm", kAll, [](OptimizerSettings& s, double v) { s.clipnorm = v; }},
    {"accumulate", kAll,
     [](OptimizerSettings& s, double v) { s.accumulate = std::max<std::size_t>(static_cast<std::size_t>(v), 1); }},
    {"ema", kAll, [](OptimizerSettings& s, double v) { s.ema = v; }},
    {"momentum", bit(Rule::sgd) | bit(Rule::rmsprop), [](OptimizerSettings& s, double v) { s.momentum = v; }},
    {"nesterov", bit(Rule::sgd), [](OptimizerSettings& s, double v) { s.nesterov = v != 0; }},
    {"centered", bit(Rule::rmsprop), [](OptimizerSettings& s, double v) { s.centered = v != 0; }},
    {"alpha", bit(Rule::rmsprop), [](OptimizerSettings& s, double v) { s.beta2 = v; }},
    {"beta1", kAdams | bit(Rule::lion), [](OptimizerSettings& s, double v) { s.beta1 = v; }},
    {"beta2", kAdams | bit(Rule::lion), [](OptimizerSettings& s, double v) { s.beta2 = v; }},
    {"epsilon", kAdams | bit(Rule::rmsprop) | bit(Rule::adagrad), [](OptimizerSettings& s, double v) { s.epsilon = v; }},
    {"lr_in_velocity", bit(Rule::sgd), [](OptimizerSettings& s, double v) { s.lr_in_velocity = v != 0; }},
    {"epsilon_hat", bit(Rule::adam), [](OptimizerSettings& s, double v) { s.epsilon_hat = v != 0; }},
    {"shared_l2", kAll, [](OptimizerSettings& s, double v) { s.objective.shared_l2 = v; }},
    {"loss_scale", kAll, [](OptimizerSettings& s, double v) { s.objective.loss_scale = v; }},
    {"reported_scale", kAll,
     [](OptimizerSettings& s, double v) {
       s.objective.reported_scale = v;
       s.objective.reported = true;
     }},
    {"lr_decay", bit(Rule::adagrad), [](OptimizerSettings& s, double v) { s.lr_decay = v; }},
    {"initial_accumulator", bit(Rule::adagrad), [](OptimizerSettings& s, double v) { s.initial_accumulator = v; }},
};

}  // namespace

OptimizerSettings optimizer_settings(const std::string& name, const std::map<std::string, double>& values) {
  const auto* const rule = std::find_if(std::begin(kRules), std::end(kRules), [&](const RuleName& r) { return name == r.name; });
  if (rule == std::end(kRules)) {
    throw std::invalid_argument(text("optimizer: expected sgd, adam, adamw, rmsprop, adagrad or lion, got ", name));
  }
  OptimizerSettings settings;
  settings.rule = rule->rule;
  for (const auto& [key, value] : values) {
    const auto* const setting = std::find_if(std::begin(kSettings), std::end(kSettings), [&, &key = key](const Setting& s) {
      return key == s.name && (s.rules & bit(settings.rule)) != 0;
    });
    if (setting == std::end(kSettings)) throw std::invalid_argument(text(name, ": expected one of its settings, got ", key));
    setting->set(settings, value);
  }
  return settings;
}

template <class T>
Optimizer<T>::Optimizer(const OptimizerSettings& settings) : settings_(settings) {
  const kernels::KernelTable<T>& table = kernels::active_tables().of<T>();
  const auto use = [&](auto kernel, auto outer) {
    update_.kernel = kernel;
    update_.outer = outer;
  };
  switch (settings.rule) {
    case Rule::sgd:
      if (settings.momentum == 0) {
        use(table.update_sgd, table.update_sgd_outer);
      } else if (settings.nesterov) {
        use(table.update_nesterov, table.update_nesterov_outer);
      } else {
        use(table.update_momentum, table.update_momentum_outer);
      }
      break;
    case Rule::adam:
    case Rule::adamw:
      use(table.update_adam, table.update_adam_outer);
      break;
    case Rule::rmsprop:
      if (settings.centered && settings.momentum != 0) {
        use(table.update_rmsprop_centered_momentum, table.update_rmsprop_centered_momentum_outer);
      } else if (settings.centered) {
        use(table.update_rmsprop_centered, table.update_rmsprop_centered_outer);
      } else if (settings.momentum != 0) {
        use(table.update_rmsprop_momentum, table.update_rmsprop_momentum_outer);
      } else {
        use(table.update_rmsprop, table.update_rmsprop_outer);
      }
      break;
    case Rule::adagrad:
      use(table.update_adagrad, table.update_adagrad_outer);
      break;
    case Rule::lion:
      use(table.update_lion, table.update_lion_outer);
      break;
  }
  kernels::UpdateScalars<T>& scalars = update_.scalars;
  scalars.weight_decay = static_cast<T>(has_decoupled_decay(settings.rule) ? 0.0 : settings.weight_decay);
  scalars.decay_factor = 1;
  scalars.momentum = static_cast<T>(settings.momentum);
  scalars.beta1 = static_cast<T>(settings.beta1);
  scalars.one_minus_beta1 = static_cast<T>(1.0 - settings.beta1);
  scalars.beta2 = static_cast<T>(settings.beta2);
  scalars.one_minus_beta2 = static_cast<T>(1.0 - settings.beta2);
  scalars.epsilon = static_cast<T>(settings.epsilon);
  update_.average_scalars.momentum = static_cast<T>(settings.ema);
  update_.average_scalars.one_minus_beta1 = static_cast<T>(1.0 - settings.ema);
}

template <class T>
void Optimizer<T>::train(plan::Parameters<T>& parameters, const std::vector<std::size_t>& numbers,
                         const std::vector<double>& factors) {
  const auto add = [&](std::vector<plan::PanelMatrix<T>>& matrices, const auto& initialise) {
    matrices.resize(parameters.size());
    for (const std::size_t i : numbers) {
      if (!matrices[i].empty()) continue;
      matrices[i] = plan::PanelMatrix<T>(parameters[i].master_rows(), parameters[i].master_columns());
      initialise(matrices[i].elements(), i);
    }
  };
  const auto zeros = [](std::span<T>, std::size_t) {};
  const bool rmsprop = settings_.rule == Rule::rmsprop;
  if (settings_.rule != Rule::sgd || settings_.momentum != 0) {
    add(update_.first, [&](std::span<T> state, std::size_t) {
      std::fill(state.begin(), state.end(), static_cast<T>(settings_.initial_accumulator));
    });
  }
  if (is_adam(settings_.rule) || (rmsprop && settings_.centered)) add(update_.second, zeros);
  if (rmsprop && settings_.momentum != 0) add(update_.third, zeros);
  if (settings_.ema != 0) {
    add(update_.average, [&](std::span<T> average, std::size_t i) {
      const std::span<T> w = parameters[i].master().elements();
      std::copy(w.begin(), w.end(), average.begin());
    });
  }
  if (keeps_gradients()) add(gradients_.sums, zeros);
  const bool plain = std::all_of(factors.begin(), factors.end(), [](double factor) { return factor == 1.0; });
  factors_ = plain ? std::vector<double>() : factors;
  matrices_.clear();
  for (std::size_t i = 0; i < parameters.size(); ++i) matrices_.push_back(parameters[i].shape.size() == 2);
  update_.scalars_by_parameter.assign(settings_.objective.shared_l2 != 0 ? matrices_.size() : factors_.size(), {});
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
  lrs_.clear();
}

template <class T>
void Optimizer<T>::set_lrs(std::vector<double> lrs) noexcept {
  lrs_ = std::move(lrs);
  next_lr_ = 0;
}

template <class T>
void Optimizer<T>::set_lr_of(kernels::UpdateScalars<T>& scalars, double lr) const noexcept {
  scalars.lr = static_cast<T>(lr);
  if (has_decoupled_decay(settings_.rule)) scalars.decay_factor = static_cast<T>(1.0 - lr * settings_.weight_decay);
  if (is_adam(settings_.rule)) {
    scalars.lr = static_cast<T>(lr / (1.0 - beta1_power_ * settings_.beta1));
    const double inverse_sqrt_bias2 = 1.0 / std::sqrt(1.0 - beta2_power_ * settings_.beta2);
    if (settings_.epsilon_hat) scalars.epsilon = static_cast<T>(settings_.epsilon * inverse_sqrt_bias2);
    scalars.inverse_sqrt_bias2 = static_cast<T>(inverse_sqrt_bias2);
  } else if (settings_.rule == Rule::adagrad) {
    scalars.lr = static_cast<T>(lr / (1.0 + updates_ * settings_.lr_decay));
  }
}

template <class T>
void Optimizer<T>::prepare(double weight) noexcept {
  if (next_lr_ < lrs_.size()) settings_.lr = lrs_[next_lr_];
  set_lr_of(update_.scalars, settings_.lr);
  if (update_.scalars_by_parameter.empty()) return;
  const double decay = weight > 0 ? settings_.objective.shared_l2 / weight : 0.0;
  for (std::size_t i = 0; i < update_.scalars_by_parameter.size(); ++i) {
    kernels::UpdateScalars<T>& own = update_.scalars_by_parameter[i];
    own = update_.scalars;
    if (!factors_.empty()) set_lr_of(own, settings_.lr * factors_[i]);
    if (matrices_[i]) own.weight_decay += static_cast<T>(decay);
  }
}

template <class T>
void Optimizer<T>::commit() noexcept {
  if (next_lr_ < lrs_.size()) ++next_lr_;
  accumulated_ += 1;
  if (accumulated_ < static_cast<double>(settings_.accumulate)) return;
  accumulated_ = 0;
  updates_ += 1;
  beta1_power_ *= settings_.beta1;
  beta2_power_ *= settings_.beta2;
}

template <class T>
T Optimizer<T>::gradient_scale(double norm) const noexcept {
  const double mean = 1.0 / static_cast<double>(settings_.accumulate);
  const bool clipped = clips() && norm * mean > settings_.clipnorm;
  return static_cast<T>(clipped ? settings_.clipnorm / norm : mean);
}

template <class T>
std::string Optimizer<T>::explain() const {
  if (!keeps_gradients()) return "";
  std::string words = "gradients are kept in memory, and updates made in a pass of their own:";
  if (settings_.accumulate > 1) words += text(" one from the mean of ", settings_.accumulate, " batches");
  if (clips())
    words += text(settings_.accumulate > 1 ? "," : "", " after a barrier, for their norm of at most ", settings_.clipnorm);
  return words + "\n";
}

template <class T>
OptimizerState<T> Optimizer<T>::state() {
  return {{{"first", &update_.first},
           {"second", &update_.second},
           {"third", &update_.third},
           {"average", &update_.average},
           {"gradient", &gradients_.sums}},
          {{"beta1_power", &beta1_power_}, {"beta2_power", &beta2_power_}, {"updates", &updates_}, {"accumulated", &accumulated_}}};
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace chainrule::train
