// dropout_mask(x): 1 / (1 - p) with probability 1 - p, else 0, in the shape of x; attributes alpha = p and key = the layer's number
// in the random stream. Interpreted, it is the mask of seed 0 and step 0; training gives the kernel its own.
#include <algorithm>
#include <cmath>

#include "graph/ops/constant_operation.h"
#include "graph/ops/dispatch.h"
#include "graph/ops/operations.h"
#include "graph/ops/panel_matrix.h"
#include "graph/ops/shape_rules.h"
#include "kernels/table.h"

namespace chainrule::graph {
namespace {

class DropoutMask final : public ConstantOperation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "dropout_mask"; }
  [[nodiscard]] int arity() const noexcept override { return 1; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override {
    require_floating(name(), inputs[0]);
    if (inputs[0].shape.size() != 2) reject(name(), "shape (rows, features)", shape_text(inputs[0].shape));
    if (!(attributes.alpha >= 0 && attributes.alpha < 1)) reject(name(), "a probability from 0 below 1", attributes.alpha);
    if (attributes.key < 0 || attributes.key > std::int64_t{0xFFFFFFFF}) reject(name(), "a key of 32 bits", attributes.key);
    return inputs[0];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override {
    Tensor mask(inputs[0].dtype(), shape);
    if (mask.size() == 0) return mask;
    for_floating(mask.dtype(), [&]<class T>() {
      const auto rows = static_cast<std::size_t>(shape[0]);
      const auto columns = static_cast<std::size_t>(shape[1]);
      const double keep = 1 - attributes.alpha;
      PanelMatrix<T> panels(rows, columns);
      kernels::DropoutArgs<T> args{};
      args.mask = panels.panels();
      args.rows = rows;
      args.columns = columns;
      args.layer = static_cast<std::uint32_t>(attributes.key);
      args.keep_below = static_cast<std::uint32_t>(std::min(std::round(keep * 0x1p32), 0x1p32 - 1));
      args.scale = static_cast<T>(1 / keep);
      kernels::active_tables().of<T>().dropout_mask(args);
      panels.unpack(mask.data<T>());
    });
    return mask;
  }

  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    return elements(inputs[0].shape);
  }
};

}  // namespace

const Operation& ops::dropout_mask() {
  static const DropoutMask operation;
  return operation;
}

}  // namespace chainrule::graph
