// A graph as a program for fixed shapes: operations that work element by element run together, a block of elements through all of
// them before the next block, so that what lies between them stays in the first-level cache; the other values share buffers where
// one is done with before the next begins. What nobody asks for is not computed. The values are those of the interpreter, bit for
// bit: each operation does its own arithmetic in both.
#pragma once

#include <vector>

#include "graph/operation.h"
#include "profile/span.h"

namespace chainrule::graph {

/// Elements that go through a run of operations together. 6 to 20 operations on a thousand to three million doubles: 128 take 5 to
/// 30 % longer and 256 up to 10, 1024 and 2048 up to 30 with many values between the operations (Zen 5, AVX-512, 2026-11).
inline constexpr std::size_t kBlockElements = 512;

class Compiled {
 public:
  /// std::invalid_argument for nodes whose shapes lead with kRows, and for an output that depends on an input that is not listed.
  Compiled(Graph graph, std::vector<NodeId> inputs, std::vector<NodeId> outputs);
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;

  [[nodiscard]] std::size_t inputs() const noexcept { return inputs_.size(); }
  [[nodiscard]] std::size_t outputs() const noexcept { return outputs_.size(); }
  /// Where the value of input i goes before each run.
  [[nodiscard]] const Tensor& input(std::size_t i) const { return values_[inputs_[i]]; }
  /// The value of output i until the next run.
  [[nodiscard]] const Tensor& output(std::size_t i) const { return values_[outputs_[i]]; }
  void run();

  /// Nodes that a run evaluates, in its order, as far as they are operations.
  [[nodiscard]] std::vector<NodeId> evaluated() const;
  /// Passes over memory: runs of operations by element, and other operations.
  [[nodiscard]] std::size_t steps() const noexcept { return steps_.size(); }
  /// Bytes of the buffers that values share.
  [[nodiscard]] std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }

 private:
  struct Place {
    enum class Kind : std::uint8_t { value, block };
    Kind kind;
    std::size_t index;  // into values_ or blocks_
  };
  struct Instruction {
    const Node* node;
    std::vector<Place> inputs;
    Place output;
  };
  /// Before a run of operations by element: a value repeated to the shape that an operand must have.
  struct Repeat {
    std::size_t value;
    Place to;
    Shape shape;
  };
  struct Step {
    Step(bool is_by_element, std::size_t count) : by_element(is_by_element), elements(count) {}
    bool by_element;
    std::size_t elements;
    std::vector<NodeId> nodes;              // of another operation: one
    std::vector<Instruction> instructions;  // by element
    std::vector<Repeat> repeats;
    std::vector<std::size_t> done;  // values that nobody needs after this step and that own their memory
    profile::Label label = 0;
    profile::Work work;
  };

  [[nodiscard]] const Node& node(std::size_t id) const { return graph_.node(static_cast<NodeId>(id)); }
  /// The nodes that an operation reads.
  [[nodiscard]] std::vector<std::size_t> operands(std::size_t id) const;
  void find_needed();
  void schedule();
  void find_last_uses();
  void place();
  void place_elements(std::size_t number, class Blocks& blocks);
  void run_elements(const Step& step);
  void run_other(const Step& step);
  /// What profiles say of the step.
  void describe(Step& step) const;

  Graph graph_;
  std::vector<std::size_t> inputs_;
  std::vector<std::size_t> outputs_;
  std::vector<bool> needed_;
  std::vector<std::size_t> last_use_;  // of a node: a step
  std::vector<std::size_t> made_in_;   // of a node: a step
  std::vector<Tensor> values_;         // of nodes, then repeated operands
  std::vector<Tensor> blocks_;
  std::vector<Step> steps_;
  std::vector<Tensor> operands_;  // of the operation under way
  std::size_t buffer_bytes_ = 0;
};

}  // namespace chainrule::graph
