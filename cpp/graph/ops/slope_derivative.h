// The slope h of an activation is what its backward operation multiplies by, as a function of what that saves: h(x) = f'(x), or
// h(y) with y = f(x). Its derivative dh/dsaved, written in differentiable operations, carries all higher orders.
#pragma once

#include "graph/ops/expression.h"

namespace chainrule::graph {

/// dh/dsaved; without a node where the slope is piecewise constant.
[[nodiscard]] Expression slope_derivative(kernels::Activation activation, Expression saved);

}  // namespace chainrule::graph
