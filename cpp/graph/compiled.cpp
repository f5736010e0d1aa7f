#include "graph/compiled.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/fp_environment.h"
#include "graph/ops/dispatch.h"
#include "graph/ops/operations.h"
#include "graph/ops/strided.h"

namespace chainrule::graph {
namespace {

constexpr std::size_t kForever = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kMostOperands = 4;  // of an operation by element

std::size_t elements_of(const Node& node) { return element_count(node.shape); }
bool by_element(const Node& node) { return node.operation != nullptr && node.operation->elementwise(); }
/// Whether the value is its operand's, under another shape.
bool shares(const Node& node) { return node.operation == &ops::reshape(); }

void fill(const Tensor& block, const Tensor& value, std::size_t n) {
  for_floating(block.dtype(), [&]<class T>() { std::fill_n(block.data<T>(), n, *value.data<T>()); });
}

std::byte* at(const Tensor& tensor, std::size_t element) {
  return static_cast<std::byte*>(tensor.raw()) + element * size_of(tensor.dtype());
}

}  // namespace

/// Blocks of elements that the operations of one run pass on to each other; a block is free again after its last reader.
class Blocks {
 public:
  Blocks(std::vector<Tensor>& blocks, DType dtype) : blocks_(&blocks), dtype_(dtype) {}

  void start() {
    free_.resize(blocks_->size());
    for (std::size_t i = 0; i < free_.size(); ++i) free_[i] = i;
  }
  [[nodiscard]] std::size_t take() {
    if (free_.empty()) {
      blocks_->emplace_back(dtype_, Shape{static_cast<std::int64_t>(kBlockElements)});
      return blocks_->size() - 1;
    }
    const std::size_t block = free_.back();
    free_.pop_back();
    return block;
  }
  void give_back(std::size_t block) { free_.push_back(block); }

 private:
  std::vector<Tensor>* blocks_;
  std::vector<std::size_t> free_;
  DType dtype_;
};

Compiled::Compiled(Graph graph, std::vector<NodeId> inputs, std::vector<NodeId> outputs)
    : graph_(std::move(graph)), inputs_(inputs.begin(), inputs.end()), outputs_(outputs.begin(), outputs.end()) {
  for (NodeId id = 0; id < graph_.size(); ++id) {
    const Shape& shape = graph_.node(id).shape;
    if (!shape.empty() && shape.front() == kRows) {
      throw std::invalid_argument(text("compile: expected fixed shapes, got ", shape_text(shape), " at node ", id));
    }
  }
  values_.resize(static_cast<std::size_t>(graph_.size()));
  find_needed();
  schedule();
  find_last_uses();
  place();
  for (Step& step : steps_) describe(step);
}

void Compiled::describe(Step& step) const {
  constexpr std::size_t kMostNames = 4;
  std::string operation;
  for (std::size_t i = 0; i < step.nodes.size(); ++i) {
    const Node& here = graph_.node(step.nodes[i]);
    step.work.flops += flops_of(graph_, step.nodes[i]);
    if (i < kMostNames) operation += (i == 0 ? "" : "+") + std::string(here.operation->name());
  }
  if (step.nodes.size() > kMostNames) operation += text(" and ", step.nodes.size() - kMostNames, " more");
  // Values between the operations of a step stay in the first-level cache.
  std::set<std::size_t> values;
  const auto number = static_cast<std::size_t>(&step - steps_.data());
  for (const NodeId node_id : step.nodes) {
    const auto id = static_cast<std::size_t>(node_id);
    for (const std::size_t operand : operands(id)) {
      if (node(operand).operation == nullptr || made_in_[operand] != number) values.insert(operand);
    }
    if (last_use_[id] != number) values.insert(id);
  }
  for (const std::size_t id : values) step.work.bytes += static_cast<double>(elements_of(node(id)) * size_of(node(id).dtype));
  step.label = profile::label(operation, "compiled function", name_of(graph_.dtype()));
}

std::vector<std::size_t> Compiled::operands(std::size_t id) const {
  std::vector<std::size_t> result;
  for (const NodeId input : node(id).inputs) {
    auto operand = static_cast<std::size_t>(input);
    // An operation by element repeats its operands itself.
    while (by_element(node(id)) && node(operand).operation == &ops::broadcast_like()) {
      operand = static_cast<std::size_t>(node(operand).inputs.front());
    }
    result.push_back(operand);
  }
  return result;
}

void Compiled::find_needed() {
  needed_.assign(values_.size(), false);
  for (const std::size_t id : outputs_) needed_[id] = true;
  for (std::size_t id = values_.size(); id-- > 0;) {
    if (!needed_[id]) continue;
    for (const std::size_t operand : operands(id)) needed_[operand] = true;
  }
  for (std::size_t id = 0; id < values_.size(); ++id) {
    const Node& here = node(id);
    if (here.operation != nullptr) continue;
    const bool is_input = std::find(inputs_.begin(), inputs_.end(), id) != inputs_.end();
    if (is_input) {
      values_[id] = Tensor(here.dtype, here.shape);
    } else if (here.constant) {
      values_[id] = here.value;
    } else if (needed_[id]) {
      throw std::invalid_argument(text("compile: expected ", here.name, " among the inputs, got a result that depends on it"));
    }
  }
}

/// Takes operations as soon as their operands are there, those of as many elements as the last one first.
void Compiled::schedule() {
  std::vector<std::size_t> waits(values_.size(), 0);
  std::vector<std::vector<std::size_t>> readers(values_.size());
  std::map<std::size_t, std::set<std::size_t>> ready;  // by element, by their number of elements
  std::set<std::size_t> ready_others;
  const auto is_ready = [&](std::size_t id) {
    if (by_element(node(id))) {
      ready[elements_of(node(id))].insert(id);
    } else {
      ready_others.insert(id);
    }
  };
  for (std::size_t id = 0; id < values_.size(); ++id) {
    if (!needed_[id] || node(id).operation == nullptr) continue;
    for (const std::size_t operand : operands(id)) {
      if (node(operand).operation == nullptr) continue;
      ++waits[id];
      readers[operand].push_back(id);
    }
    if (waits[id] == 0) is_ready(id);
  }
  const auto done = [&](std::size_t id) {
    made_in_[id] = steps_.size() - 1;
    steps_.back().nodes.push_back(static_cast<NodeId>(id));
    for (const std::size_t reader : readers[id]) {
      if (--waits[reader] == 0) is_ready(reader);
    }
  };
  made_in_.assign(values_.size(), 0);
  while (!ready_others.empty() || !ready.empty()) {
    if (!ready_others.empty()) {
      const std::size_t id = *ready_others.begin();
      ready_others.erase(ready_others.begin());
      steps_.emplace_back(false, elements_of(node(id)));
      done(id);
      continue;
    }
    const std::size_t elements = ready.begin()->first;
    steps_.emplace_back(true, elements);
    for (auto found = ready.find(elements); found != ready.end(); found = ready.find(elements)) {
      const std::size_t id = *found->second.begin();
      found->second.erase(found->second.begin());
      if (found->second.empty()) ready.erase(found);
      done(id);
    }
  }
}

void Compiled::find_last_uses() {
  last_use_.assign(values_.size(), 0);
  for (std::size_t id = 0; id < values_.size(); ++id) {
    if (node(id).operation == nullptr) last_use_[id] = kForever;
  }
  for (const std::size_t id : outputs_) last_use_[id] = kForever;
  for (std::size_t number = 0; number < steps_.size(); ++number) {
    for (const NodeId id : steps_[number].nodes) {
      for (const std::size_t operand : operands(static_cast<std::size_t>(id))) {
        last_use_[operand] = std::max(last_use_[operand], number);
      }
    }
  }
  for (std::size_t id = values_.size(); id-- > 0;) {
    if (!needed_[id] || !shares(node(id))) continue;
    const std::size_t source = operands(id).front();
    last_use_[source] = std::max(last_use_[source], last_use_[id]);
  }
}

/// Gives each value that outlives its run of operations a buffer, and the others a block.
void Compiled::place() {
  std::map<std::size_t, std::vector<Tensor>> free;  // buffers, by their number of elements
  std::vector<std::vector<std::size_t>> ends(steps_.size());
  Blocks blocks(blocks_, graph_.dtype());
  for (std::size_t number = 0; number < steps_.size(); ++number) {
    Step& step = steps_[number];
    for (const NodeId node_id : step.nodes) {
      const auto id = static_cast<std::size_t>(node_id);
      if (last_use_[id] != kForever && last_use_[id] != number) ends[last_use_[id]].push_back(id);
      if (!step.by_element || last_use_[id] == number) continue;
      std::vector<Tensor>& candidates = free[step.elements];
      if (candidates.empty()) {
        values_[id] = Tensor(node(id).dtype, node(id).shape);
        buffer_bytes_ += values_[id].size() * size_of(node(id).dtype);
      } else {
        values_[id] = candidates.back().reshaped(node(id).shape);
        candidates.pop_back();
      }
    }
    if (step.by_element) place_elements(number, blocks);
    for (const std::size_t id : ends[number]) {
      if (by_element(node(id))) {
        free[elements_of(node(id))].push_back(values_[id]);
      } else {
        step.done.push_back(id);
      }
    }
  }
}

void Compiled::place_elements(std::size_t number, Blocks& blocks) {
  Step& step = steps_[number];
  std::map<std::size_t, std::size_t> readers;  // of each node of this run that has a block
  for (const NodeId id : step.nodes) {
    for (const std::size_t operand : operands(static_cast<std::size_t>(id))) ++readers[operand];
  }
  std::map<std::size_t, Place> places;
  std::map<std::pair<std::size_t, Shape>, Place> repeated;
  blocks.start();
  // A number that is repeated keeps its block through the whole run, which begins by filling it.
  for (const auto& [operand, count] : readers) {
    if (step.elements == 1 || elements_of(node(operand)) != 1) continue;
    const Place to{Place::Kind::block, blocks.take()};
    places.emplace(operand, to);
    step.repeats.push_back({operand, to, {}});
  }
  const auto place_of = [&](std::size_t operand, const Shape& shape) -> Place {
    if (const auto found = places.find(operand); found != places.end()) return found->second;
    if (elements_of(node(operand)) == step.elements) return {Place::Kind::value, operand};
    const auto [known, is_new] = repeated.try_emplace({operand, shape}, Place{Place::Kind::value, values_.size()});
    const Place to = known->second;
    if (!is_new) return to;
    values_.emplace_back();
    step.done.push_back(to.index);
    step.repeats.push_back({operand, to, shape});
    return to;
  };
  for (const NodeId node_id : step.nodes) {
    const auto id = static_cast<std::size_t>(node_id);
    const Node& here = node(id);
    Instruction instruction{&here, {}, {Place::Kind::value, id}};
    for (const std::size_t operand : operands(id)) instruction.inputs.push_back(place_of(operand, here.shape));
    if (instruction.inputs.size() > kMostOperands) throw std::logic_error("compile: expected operations of few operands");
    if (last_use_[id] == number) {
      instruction.output = {Place::Kind::block, blocks.take()};
      places.emplace(id, instruction.output);
    }
    step.instructions.push_back(std::move(instruction));
    for (const std::size_t operand : operands(id)) {
      const bool made_here = by_element(node(operand)) && made_in_[operand] == number && last_use_[operand] == number;
      if (--readers[operand] == 0 && made_here) blocks.give_back(places.at(operand).index);
    }
  }
}

void Compiled::run() {
  const FpEnvironment environment;
  profile::count_step();
  for (const Step& step : steps_) {
    const profile::Span span(step.label, [&] { return step.work; });
    if (step.by_element) {
      run_elements(step);
    } else {
      run_other(step);
    }
    for (const std::size_t value : step.done) values_[value] = Tensor();
  }
}

void Compiled::run_elements(const Step& step) {
  const std::size_t most = std::min(step.elements, kBlockElements);
  for (const Repeat& repeat : step.repeats) {
    if (repeat.to.kind == Place::Kind::block) {
      fill(blocks_[repeat.to.index], values_[repeat.value], most);
    } else {
      values_[repeat.to.index] = broadcast_to(values_[repeat.value], repeat.shape);
    }
  }
  std::array<const void*, kMostOperands> inputs{};
  for (std::size_t first = 0; first < step.elements; first += kBlockElements) {
    const std::size_t n = std::min(step.elements - first, kBlockElements);
    const auto address = [&](Place place) {
      return place.kind == Place::Kind::block ? at(blocks_[place.index], 0) : at(values_[place.index], first);
    };
    for (const Instruction& instruction : step.instructions) {
      const std::size_t count = instruction.inputs.size();
      for (std::size_t i = 0; i < count; ++i) inputs[i] = address(instruction.inputs[i]);
      const Node& here = *instruction.node;
      here.operation->run_elements({here.dtype, {inputs.data(), count}, address(instruction.output), n}, here.attributes);
    }
  }
}

void Compiled::run_other(const Step& step) {
  const auto id = static_cast<std::size_t>(step.nodes.front());
  const Node& here = node(id);
  if (shares(here)) {
    values_[id] = values_[static_cast<std::size_t>(here.inputs.front())].reshaped(here.shape);
    return;
  }
  operands_.clear();
  for (const NodeId input : here.inputs) operands_.push_back(values_[static_cast<std::size_t>(input)]);
  Tensor value = here.operation->forward(operands_, here.attributes, here.shape);
  const auto is_operand = [&value](const Tensor& operand) { return operand.raw() == value.raw(); };
  // A buffer gets its next value in the course of the run.
  if (std::any_of(operands_.begin(), operands_.end(), is_operand)) value = value.clone();
  values_[id] = std::move(value);
  operands_.clear();
}

std::vector<NodeId> Compiled::evaluated() const {
  std::vector<NodeId> nodes;
  for (const Step& step : steps_) nodes.insert(nodes.end(), step.nodes.begin(), step.nodes.end());
  return nodes;
}

}  // namespace chainrule::graph
