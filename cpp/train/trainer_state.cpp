#include "train/trainer_state.h"

#include <vector>

#include "base/error.h"

namespace chainrule::train {
namespace {

template <class Map>
const auto& entry(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  if (found == map.end()) throw std::invalid_argument(text("optimizer state: expected ", name, ", got none"));
  return found->second;
}

void require_count(const char* what, std::size_t expected, std::size_t got) {
  if (got != expected) throw std::invalid_argument(text("optimizer state: expected ", expected, " ", what, ", got ", got));
}

/// Calls use(name, matrix, number of the parameter) for every matrix that the optimizer keeps.
template <class T, class Use>
std::size_t for_each_matrix(const OptimizerState<T>& kept, const plan::Parameters<T>& parameters, const Use& use) {
  std::size_t count = 0;
  for (const auto& [kind, matrices] : kept.matrices) {
    for (std::size_t i = 0; i < matrices->size(); ++i) {
      if ((*matrices)[i].empty()) continue;
      use(kind + "." + parameters[i].name, (*matrices)[i], i);
      ++count;
    }
  }
  return count;
}

}  // namespace

template <class T>
void save_optimizer(Optimizer<T>& optimizer, const plan::Parameters<T>& parameters, TrainerState& state) {
  const OptimizerState<T> kept = optimizer.state();
  for (const auto& [name, number] : kept.numbers) state.numbers[name] = *number;
  for_each_matrix(kept, parameters, [&](const std::string& name, const plan::PanelMatrix<T>& matrix, std::size_t parameter) {
    state.arrays[name] = parameters.from_master(parameter, matrix);
  });
}

template <class T>
void load_optimizer(Optimizer<T>& optimizer, const plan::Parameters<T>& parameters, const TrainerState& state) {
  const OptimizerState<T> kept = optimizer.state();
  for (const auto& [name, number] : kept.numbers) static_cast<void>(entry(state.numbers, name));
  require_count("numbers", kept.numbers.size(), state.numbers.size());
  const auto check = [&](const std::string& name, const plan::PanelMatrix<T>&, std::size_t parameter) {
    const plan::Parameter<T>& p = parameters[parameter];
    const Tensor& values = entry(state.arrays, name);
    if (values.shape() != p.shape || values.dtype() != kDType<T>) {
      throw std::invalid_argument(text("optimizer state: expected ", name, " of shape ", to_string(p.shape), " and type ",
                                       name_of(kDType<T>), ", got ", to_string(values.shape()), " and ", name_of(values.dtype())));
    }
  };
  require_count("arrays", for_each_matrix(kept, parameters, check), state.arrays.size());
  for (const auto& [name, number] : kept.numbers) *number = entry(state.numbers, name);
  for_each_matrix(kept, parameters, [&](const std::string& name, plan::PanelMatrix<T>& matrix, std::size_t parameter) {
    parameters.to_master(parameter, entry(state.arrays, name), matrix);
  });
}

template void save_optimizer(Optimizer<float>&, const plan::Parameters<float>&, TrainerState&);
template void save_optimizer(Optimizer<double>&, const plan::Parameters<double>&, TrainerState&);
template void load_optimizer(Optimizer<float>&, const plan::Parameters<float>&, const TrainerState&);
template void load_optimizer(Optimizer<double>&, const plan::Parameters<double>&, const TrainerState&);

}  // namespace chainrule::train
