// The kernels that operations are run by in a plan, found by the operations' names.
#pragma once

#include <string_view>

#include "kernels/table.h"

namespace chainrule::plan {

inline constexpr std::string_view kBackward = "_backward";

/// "tanh_backward" without the ending; empty where `name` has another.
inline std::string_view forward_name(std::string_view name) {
  if (name.size() <= kBackward.size() || name.substr(name.size() - kBackward.size()) != kBackward) return {};
  return name.substr(0, name.size() - kBackward.size());
}

// The kernels of an operation's name, from the same lists that declare them; null where the name is not of that kind.
template <class T>
auto unary_kernel(const kernels::KernelTable<T>& table, std::string_view name) -> decltype(table.exp) {
#define CHAINRULE_ACTIVATION(kernel, saved, alpha) \
  if (name == #kernel) return table.kernel##_forward;
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
  if (name == "exp") return table.exp;
  if (name == "log") return table.log;
  if (name == "sqrt") return table.sqrt;
  return nullptr;
}

template <class T>
auto unary_backward_kernel(const kernels::KernelTable<T>& table, std::string_view name) -> decltype(table.relu_backward) {
#define CHAINRULE_ACTIVATION(kernel, saved, alpha) \
  if (name == #kernel) return table.kernel##_backward;
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
  return nullptr;
}

template <class T>
auto binary_kernel(const kernels::KernelTable<T>& table, std::string_view name) -> decltype(table.add) {
  if (name == "add") return table.add;
  if (name == "subtract") return table.subtract;
  if (name == "multiply") return table.multiply;
  if (name == "divide") return table.divide;
  return nullptr;
}

template <class T>
auto row_kernel(const kernels::KernelTable<T>& table, std::string_view name) -> decltype(table.softmax_forward) {
  if (name == "softmax") return table.softmax_forward;
  if (name == "log_softmax") return table.log_softmax_forward;
  if (name == "standardize") return table.standardize_forward;
  return nullptr;
}

template <class T>
auto row_backward_kernel(const kernels::KernelTable<T>& table, std::string_view name) -> decltype(table.softmax_backward) {
  if (name == "softmax") return table.softmax_backward;
  if (name == "log_softmax") return table.log_softmax_backward;
  if (name == "standardize") return table.standardize_backward;
  return nullptr;
}

template <class T>
auto loss_kernel(const kernels::KernelTable<T>& table, std::string_view name) -> decltype(table.mse_loss) {
#define CHAINRULE_LOSS(kernel, alpha, labels, values) \
  if (name == #kernel) return table.kernel##_loss;
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
  return nullptr;
}

}  // namespace chainrule::plan
