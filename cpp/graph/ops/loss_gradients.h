// The derivatives of each loss, row by row, written in differentiable operations: they carry all higher orders.
#pragma once

#include "graph/ops/loss_ops.h"

namespace chainrule::graph {

/// dl_i / dprediction_ij for a prediction and a target of values {rows, n}.
[[nodiscard]] Expression gradient_in_prediction(Loss loss, Expression prediction, Expression target, double alpha);
/// dl_i / dtarget_ij.
[[nodiscard]] Expression gradient_in_target(Loss loss, Expression prediction, Expression target, double alpha);

}  // namespace chainrule::graph
