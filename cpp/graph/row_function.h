// A function of rows as one operation: a graph of its own, in which each row of the value depends on the same row of the inputs
// alone. It is recorded on fixed numbers of rows and takes any number, block by block. Its derivatives are such functions again.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "graph/compiled.h"
#include "graph/negated_rule.h"
#include "graph/operation.h"

namespace chainrule::graph {

/// The rows that a function is recorded on: few for small batches and for what is left over, many otherwise. A mean squared error
/// of ten columns with its derivative takes 2.7 us for 128 rows, in two blocks of 64 (Zen 5, AVX-512, 2026-11); other numbers have
/// not been tried.
inline constexpr std::size_t kFewRows = 8;
inline constexpr std::size_t kManyRows = 64;

/// A function recorded on some number of rows, with which its inputs and outputs lead.
struct Recorded {
  Graph graph;
  std::vector<NodeId> inputs;
  std::vector<NodeId> outputs;
};

/// Runs a function of rows for any number of threads: each has programs of its own meanwhile.
class RowRunner {
 public:
  RowRunner(Recorded few, Recorded many, bool by_element) : few_(std::move(few)), many_(std::move(many)), by_element_(by_element) {}

  /// Whether elements are independent of each other too, wherever in a row they stand; then inputs and outputs may be cut into
  /// rows as one likes.
  [[nodiscard]] bool by_element() const noexcept { return by_element_; }
  /// Of `rows` rows, a block at a time: read(i, first, count, to) for each input, the run, write(i, first, count, from) for each
  /// output; dense rows, `to` and `from` pointing to the first.
  template <class T, class Read, class Write>
  void run(std::size_t rows, const Read& read, const Write& write) {
    std::unique_ptr<Programs> programs = take();
    for (std::size_t first = 0; first < rows;) {
      // Most of a program's rows should be real ones; nobody looks at the others.
      const bool is_many = rows - first > kManyRows / 2;
      Compiled& program = is_many ? programs->many : programs->few;
      const std::size_t count = std::min(rows - first, is_many ? kManyRows : kFewRows);
      for (std::size_t i = 0; i < program.inputs(); ++i) read(i, first, count, program.input(i).template data<T>());
      program.run();
      for (std::size_t i = 0; i < program.outputs(); ++i) write(i, first, count, program.output(i).template data<T>());
      first += count;
    }
    give_back(std::move(programs));
  }

 private:
  struct Programs {
    Programs(const Recorded& for_few, const Recorded& for_many)
        : few(for_few.graph, for_few.inputs, for_few.outputs), many(for_many.graph, for_many.inputs, for_many.outputs) {}
    Compiled few;
    Compiled many;
  };
  std::unique_ptr<Programs> take();
  void give_back(std::unique_ptr<Programs> programs);

  Recorded few_;
  Recorded many_;
  bool by_element_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Programs>> idle_;
};

class RowFunction final : public Operation {
 public:
  /// The same function recorded on kFewRows and on kManyRows rows, with one output. std::invalid_argument for other shapes.
  RowFunction(std::string name, Recorded few, Recorded many);

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] int arity() const noexcept override { return static_cast<int>(many_.inputs.size()); }
  [[nodiscard]] ValueType infer(std::span<const ValueType> inputs, const Attributes& attributes) const override;
  [[nodiscard]] Tensor forward(std::span<const Tensor> inputs, const Attributes& attributes, const Shape& shape) const override;
  [[nodiscard]] NodeId jvp(Graph& graph, NodeId self, std::span<const NodeId> tangents) const override;
  [[nodiscard]] NodeId vjp(Graph& graph, NodeId self, NodeId cotangent, int input) const override;
  [[nodiscard]] double flops(std::span<const ValueType> inputs, const Attributes& attributes) const override;

  /// The shape of input number `input`, or of the value, for a batch of rows.
  [[nodiscard]] Shape input_shape(std::size_t input) const;
  [[nodiscard]] Shape shape() const;
  /// Runs the function alone.
  [[nodiscard]] const std::shared_ptr<RowRunner>& runner() const noexcept { return runner_; }
  /// What takes (cotangent, inputs...) to the cotangent of an input, or (tangent of an input, inputs...) to the value's tangent;
  /// null where that is zero. It lives as long as this function.
  [[nodiscard]] const RowFunction* derivative(Mode mode, int input) const;
  /// Runs it together with the function that it is a derivative of: (the function's value, the derivative) from one pass.
  [[nodiscard]] std::shared_ptr<RowRunner> with_value() const;

 private:
  RowFunction(std::string name, Recorded few, Recorded many, std::pair<NodeId, NodeId> values);
  [[nodiscard]] Recorded derived(const Recorded& recorded, Mode mode, int input) const;

  std::string name_;
  Recorded few_;
  Recorded many_;
  std::pair<NodeId, NodeId> values_{kNone, kNone};  // of a derivative: the function's value, recorded on few rows and on many
  double flops_ = 0;                                // of a row
  std::shared_ptr<RowRunner> runner_;
  mutable std::mutex mutex_;
  mutable std::map<std::pair<Mode, int>, std::unique_ptr<const RowFunction>> derivatives_;
};

}  // namespace chainrule::graph
