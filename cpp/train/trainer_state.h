// What a training holds beside the parameters: put into another trainer of the same network, loss and optimizer, it goes on as if
// nothing had happened, bit for bit.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/tensor.h"
#include "train/evaluator.h"
#include "train/optimizer.h"

namespace chainrule::train {

struct TrainerState {
  std::uint64_t epoch = 0;  // keys the shuffle
  std::size_t step = 0;     // of the epoch under way
  std::uint64_t iterations = 0;
  Sums sums;                              // of the epoch under way; the heads' weights are the trainer's own
  std::map<std::string, double> numbers;  // the optimizer's, by name
  std::map<std::string, Tensor> arrays;   // the optimizer's: "<kind>.<parameter>", row-major in the parameter's shape
};

/// Copies the optimizer's numbers and arrays.
template <class T>
void save_optimizer(Optimizer<T>& optimizer, const plan::Parameters<T>& parameters, TrainerState& state);

/// And back, all or nothing: std::invalid_argument where a name, shape or type is not the optimizer's.
template <class T>
void load_optimizer(Optimizer<T>& optimizer, const plan::Parameters<T>& parameters, const TrainerState& state);

}  // namespace chainrule::train
