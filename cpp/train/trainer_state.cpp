#include "train/trainer_state.h"

#include <vector>

#include "base/error.h"

namespace chainrule::train {
namespace {

/// Row-major `dst` of shape (columns, rows) from `src` of shape (rows, columns).
template <class T>
void turn(const T* src, std::size_t rows, std::size_t columns, T* dst) {
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) dst[column * rows + row] = src[row * columns + column];
  }
}

// Optimizer state has the master's layout, files the parameter's.
template <class T>
Tensor tensor_of(const plan::PanelMatrix<T>& matrix, const plan::Parameter<T>& p) {
  Tensor out(kDType<T>, p.shape);
  if (!p.transposed_is_master) {
    plan::unpack(matrix.panels(), p.rows, p.columns, out.template data<T>());
    return out;
  }
  std::vector<T> turned(out.size());
  plan::unpack(matrix.panels(), p.columns, p.rows, turned.data());
  turn(turned.data(), p.columns, p.rows, out.template data<T>());
  return out;
}

template <class T>
void fill(plan::PanelMatrix<T>& matrix, const plan::Parameter<T>& p, const Tensor& values) {
  if (!p.transposed_is_master) return plan::pack(values.template data<T>(), p.rows, p.columns, matrix.panels());
  std::vector<T> turned(values.size());
  turn(values.template data<T>(), p.rows, p.columns, turned.data());
  plan::pack<T>(turned.data(), p.columns, p.rows, matrix.panels());
}

template <class Map>
const auto& entry(const Map& map, const std::string& name) {
  const auto found = map.find(name);
  if (found == map.end()) throw std::invalid_argument(text("optimizer state: expected ", name, ", got none"));
  return found->second;
}

void require_count(const char* what, std::size_t expected, std::size_t got) {
  if (got != expected) throw std::invalid_argument(text("optimizer state: expected ", expected, " ", what, ", got ", got));
}

/// Calls use(name, matrix, parameter) for every matrix that the optimizer keeps.
template <class T, class Use>
std::size_t for_each_matrix(const OptimizerState<T>& kept, const plan::Parameters<T>& parameters, const Use& use) {
  std::size_t count = 0;
  for (const auto& [kind, matrices] : kept.matrices) {
    for (std::size_t i = 0; i < matrices->size(); ++i) {
      if ((*matrices)[i].empty()) continue;
      use(kind + "." + parameters[i].name, (*matrices)[i], parameters[i]);
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
  for_each_matrix(kept, parameters, [&](const std::string& name, const plan::PanelMatrix<T>& matrix, const plan::Parameter<T>& p) {
    state.arrays[name] = tensor_of(matrix, p);
  });
}

template <class T>
void load_optimizer(Optimizer<T>& optimizer, const plan::Parameters<T>& parameters, const TrainerState& state) {
  const OptimizerState<T> kept = optimizer.state();
  for (const auto& [name, number] : kept.numbers) static_cast<void>(entry(state.numbers, name));
  require_count("numbers", kept.numbers.size(), state.numbers.size());
  const auto check = [&](const std::string& name, const plan::PanelMatrix<T>&, const plan::Parameter<T>& p) {
    const Tensor& values = entry(state.arrays, name);
    if (values.shape() != p.shape || values.dtype() != kDType<T>) {
      throw std::invalid_argument(text("optimizer state: expected ", name, " of shape ", to_string(p.shape), " and type ",
                                       name_of(kDType<T>), ", got ", to_string(values.shape()), " and ", name_of(values.dtype())));
    }
  };
  require_count("arrays", for_each_matrix(kept, parameters, check), state.arrays.size());
  for (const auto& [name, number] : kept.numbers) *number = entry(state.numbers, name);
  for_each_matrix(kept, parameters, [&](const std::string& name, plan::PanelMatrix<T>& matrix, const plan::Parameter<T>& p) {
    fill(matrix, p, entry(state.arrays, name));
  });
}

template void save_optimizer(Optimizer<float>&, const plan::Parameters<float>&, TrainerState&);
template void save_optimizer(Optimizer<double>&, const plan::Parameters<double>&, TrainerState&);
template void load_optimizer(Optimizer<float>&, const plan::Parameters<float>&, const TrainerState&);
template void load_optimizer(Optimizer<double>&, const plan::Parameters<double>&, const TrainerState&);

}  // namespace chainrule::train
