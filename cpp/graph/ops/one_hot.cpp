// one_hot_like(labels {rows}, reference {rows, n}): y[i, j] = 1 where labels[i] = j, else 0, of the reference's shape and type.
#include "graph/ops/constant_operation.h"
#include "graph/ops/dispatch.h"
#include "graph/ops/labels.h"
#include "graph/ops/operations.h"
#include "graph/ops/shape_rules.h"

namespace chainrule::graph {
namespace {

class OneHotLike final : public ConstantOperation {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "one_hot_like"; }
  [[nodiscard]] int arity() const noexcept override { return 2; }

  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const override {
    require_floating(name(), inputs[1]);
    if (inputs[0].dtype != DType::int64) throw TypeError(text(name(), ": expected int64 labels, got ", name_of(inputs[0].dtype)));
    const Shape& reference = inputs[1].shape;
    if (reference.size() != 2) reject(name(), "a reference of shape (rows, classes)", shape_text(reference));
    if (inputs[0].shape != Shape{reference[0]}) {
      reject(name(), text("labels of shape ", shape_text({reference[0]})), shape_text(inputs[0].shape));
    }
    return inputs[1];
  }

  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/,
                               const Shape& shape) const override {
    Tensor y(inputs[1].dtype(), shape);
    const auto classes = static_cast<std::size_t>(shape[1]);
    const std::vector<std::int32_t> labels = checked_labels(name(), inputs[0], classes);
    for_floating(y.dtype(), [&]<class T>() {
      for (std::size_t i = 0; i < labels.size(); ++i) y.data<T>()[i * classes + static_cast<std::size_t>(labels[i])] = 1;
    });
    return y;
  }

  [[nodiscard]] double flops(std::span<const ValueType> /*inputs*/, const Attributes& /*attributes*/) const override { return 0; }
};

}  // namespace

const Operation& ops::one_hot_like() {
  static const OneHotLike operation;
  return operation;
}

}  // namespace chainrule::graph
