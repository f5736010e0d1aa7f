// The gradient of each row of a batch by itself: of the row's loss, or of each of its outputs, which makes the Jacobian.
#pragma once

#include <memory>
#include <string>

#include "train/data.h"
#include "train/network.h"

namespace chainrule::train {

class RowGradients {
 public:
  /// Of a loss of targets or labels; of the outputs where `loss` is null. The graph is the network's own: no dropout.
  [[nodiscard]] static std::unique_ptr<RowGradients> make(std::shared_ptr<Network> network, const graph::SharedOperation& loss,
                                                          double alpha, bool labels);
  RowGradients(const RowGradients&) = delete;
  RowGradients& operator=(const RowGradients&) = delete;
  virtual ~RowGradients() = default;

  [[nodiscard]] virtual DType dtype() const noexcept = 0;
  /// Whether targets are class indices.
  [[nodiscard]] virtual bool labels() const noexcept = 0;
  /// Gradients of each row of x: 1 for a loss, else as many as outputs.
  [[nodiscard]] virtual std::size_t gradients_per_row() const noexcept = 0;
  /// Elements of a gradient: all parameters in the network's order, each row-major.
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  /// out: (rows of x * gradients_per_row, size), row-major, of the network's type; the same bits for any number of threads.
  /// Weights are not looked at, and without a loss neither is y. std::invalid_argument for what does not fit, for NaN and infinity
  /// in x, and for labels out of range; out is then written in part.
  virtual void run(const Dataset& data, void* out) = 0;

 protected:
  RowGradients() = default;
};

}  // namespace chainrule::train
