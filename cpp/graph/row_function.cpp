#include "graph/row_function.h"

#include "base/error.h"
#include "graph/differentiate.h"
#include "graph/ops/dispatch.h"
#include "graph/ops/operations.h"

namespace chainrule::graph {
namespace {

/// The shape for `rows` rows of what is recorded on other numbers of them.
Shape with_rows(Shape shape, std::int64_t rows) {
  shape.front() = rows;
  return shape;
}

/// Whether all inputs and the value have one shape, and everything between them works element by element on it, with numbers
/// that are the same for all elements.
bool works_by_element(const Recorded& recorded) {
  const Graph& graph = recorded.graph;
  const Shape& shape = graph.node(recorded.outputs.front()).shape;
  const auto has_shape = [&](NodeId id) { return graph.node(id).shape == shape; };
  if (!std::all_of(recorded.inputs.begin(), recorded.inputs.end(), has_shape)) return false;
  for (const NodeId id : between(graph, {}, recorded.outputs)) {
    const Node& node = graph.node(id);
    if (node.constant) {
      if (element_count(node.shape) != 1) return false;  // columns may differ in it
      continue;
    }
    const bool known = node.operation == nullptr || node.operation->elementwise() || node.operation == &ops::broadcast_like();
    if (!known || node.shape != shape) return false;
  }
  return true;
}

Operands led_by(NodeId first, const Operands& rest) {
  Operands all{first};
  all.append(rest.begin(), rest.end());
  return all;
}

double work_of(const Recorded& recorded) {
  double flops = 0;
  for (const NodeId id : between(recorded.graph, {}, recorded.outputs)) flops += flops_of(recorded.graph, id);
  return flops;
}

void check(const std::string& name, const Recorded& recorded, std::size_t rows) {
  const auto refuse = [&](NodeId id) {
    throw std::invalid_argument(
        text(name, ": expected ", rows, " rows first, got shape ", shape_text(recorded.graph.node(id).shape)));
  };
  if (recorded.outputs.size() != 1) {
    throw std::invalid_argument(text(name, ": expected one output, got ", recorded.outputs.size()));
  }
  for (const std::vector<NodeId>& ends : {recorded.inputs, recorded.outputs}) {
    for (const NodeId id : ends) {
      const Shape& shape = recorded.graph.node(id).shape;
      if (shape.empty() || shape.size() > 2 || shape.front() != static_cast<std::int64_t>(rows)) refuse(id);
    }
  }
}

}  // namespace

std::unique_ptr<RowRunner::Programs> RowRunner::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Programs> programs = std::move(idle_.back());
      idle_.pop_back();
      return programs;
    }
  }
  return std::make_unique<Programs>(few_, many_);
}

void RowRunner::give_back(std::unique_ptr<Programs> programs) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(programs));
}

RowFunction::RowFunction(std::string name, Recorded few, Recorded many)
    : RowFunction(std::move(name), std::move(few), std::move(many), {kNone, kNone}) {}

RowFunction::RowFunction(std::string name, Recorded few, Recorded many, std::pair<NodeId, NodeId> values)
    : name_(std::move(name)), few_(std::move(few)), many_(std::move(many)), values_(values) {
  check(name_, few_, kFewRows);
  check(name_, many_, kManyRows);
  flops_ = work_of(many_) / static_cast<double>(kManyRows);
  runner_ = std::make_shared<RowRunner>(few_, many_, works_by_element(many_));
}

Shape RowFunction::input_shape(std::size_t input) const { return with_rows(many_.graph.node(many_.inputs.at(input)).shape, kRows); }

Shape RowFunction::shape() const { return with_rows(many_.graph.node(many_.outputs.front()).shape, kRows); }

ValueType RowFunction::infer(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& shape = inputs[i].shape;
    const bool leads = !shape.empty() && shape.front() == inputs.front().shape.front();
    if (leads && inputs[i].dtype == many_.graph.dtype() && with_rows(shape, kRows) == input_shape(i)) continue;
    throw std::invalid_argument(text(name_, ": expected ", name_of(many_.graph.dtype()), " of shape ", shape_text(input_shape(i)),
                                     ", got ", name_of(inputs[i].dtype), " of shape ", shape_text(shape)));
  }
  return {with_rows(shape(), inputs.front().shape.front()), many_.graph.dtype()};
}

Tensor RowFunction::forward(std::span<const Tensor> inputs, const Attributes& /*attributes*/, const Shape& shape) const {
  Tensor value(many_.graph.dtype(), shape);
  const auto rows = static_cast<std::size_t>(shape.front());
  for_floating(value.dtype(), [&]<class T>() {
    const auto width = [rows](const Tensor& tensor) { return tensor.size() / rows; };
    runner_->run<T>(
        rows,
        [&](std::size_t i, std::size_t first, std::size_t count, T* to) {
          std::copy_n(inputs[i].data<T>() + first * width(inputs[i]), count * width(inputs[i]), to);
        },
        [&](std::size_t /*i*/, std::size_t first, std::size_t count, const T* from) {
          std::copy_n(from, count * width(value), value.data<T>() + first * width(value));
        });
  });
  return value;
}

NodeId RowFunction::jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const {
  NodeId sum = kNone;
  for (std::size_t i = 0; i < tangents.size(); ++i) {
    const RowFunction* const moved = tangents[i] == kNone ? nullptr : derivative(Mode::jvp, static_cast<int>(i));
    if (moved == nullptr) continue;
    const NodeId term = graph.apply(*moved, led_by(tangents[i], graph.node(self).inputs), {}, graph.node(self).name);
    sum = sum == kNone ? term : graph.apply(ops::add(), {sum, term});
  }
  return sum;
}

NodeId RowFunction::vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const {
  const RowFunction* const pulled = derivative(Mode::vjp, input);
  if (pulled == nullptr) return kNone;
  return graph.apply(*pulled, led_by(cotangent, graph.node(self).inputs), {}, graph.node(self).name);
}

double RowFunction::flops(std::span<const ValueType> inputs, const Attributes& /*attributes*/) const {
  const std::int64_t rows = inputs.front().shape.front();
  return rows == kRows ? flops_ : flops_ * static_cast<double>(rows);
}

Recorded RowFunction::derived(const Recorded& recorded, Mode mode, int input) const {
  Recorded result{recorded.graph, recorded.inputs, {}};
  const NodeId value[] = {recorded.outputs.front()};
  const NodeId wrt[] = {recorded.inputs[static_cast<std::size_t>(input)]};
  const bool is_reverse = mode == Mode::vjp;
  const Shape shape = recorded.graph.node(is_reverse ? value[0] : wrt[0]).shape;
  const NodeId seed[] = {result.graph.input(text("seed ", result.graph.size()), shape, result.graph.dtype())};
  result.outputs = is_reverse ? reverse(result.graph, value, seed, wrt) : graph::forward(result.graph, wrt, seed, value);
  result.inputs.insert(result.inputs.begin(), seed[0]);
  return result;
}

const RowFunction* RowFunction::derivative(Mode mode, int input) const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<const RowFunction>& known = derivatives_[{mode, input}];
  if (known == nullptr) {
    Recorded few = derived(few_, mode, input);
    Recorded many = derived(many_, mode, input);
    if (many.outputs.front() == kNone) return nullptr;
    known.reset(new RowFunction(name_ + (mode == Mode::vjp ? "_backward" : "_forward"), std::move(few), std::move(many),
                                {few_.outputs.front(), many_.outputs.front()}));
  }
  return known.get();
}

std::shared_ptr<RowRunner> RowFunction::with_value() const {
  const auto [few, many] = values_;
  return std::make_shared<RowRunner>(Recorded{few_.graph, few_.inputs, {few, few_.outputs.front()}},
                                     Recorded{many_.graph, many_.inputs, {many, many_.outputs.front()}}, false);
}

}  // namespace chainrule::graph
