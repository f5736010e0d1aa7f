// The computation graph: nodes in the order they were added, each an operation on earlier nodes. The same graph is interpreted for
// derivatives of anything, planned for training and prediction, and drawn. It only grows: derivative rules add nodes to it.
//
// A leading dimension kRows stands for the rows of a batch, whose number is known only when values arrive: {kRows, 64} is a batch
// of rows of 64 features, {kRows} one number for each row.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/tensor.h"

namespace chainrule::graph {

using NodeId = std::int32_t;
using Operands = SmallVector<NodeId, 4>;
inline constexpr NodeId kNone = -1;  // no node; as a derivative: exactly zero
inline constexpr std::int64_t kRows = -1;

class Operation;
struct ValueType;

/// "(rows, 64)": as to_string, with kRows spelt out.
[[nodiscard]] std::string shape_text(const Shape& shape);

/// What an operation may be parameterised by; each reads its own fields.
struct Attributes {
  Shape axes = {};           // reductions, permutations
  Shape shape = {};          // reshape
  double alpha = 0;          // slope, scale, delta, smoothing, probability, epsilon
  double momentum = 0;       // of running statistics
  std::int64_t key = 0;      // the layer's number in random streams
  bool transpose_a = false;  // matmul
  bool transpose_b = false;
  bool keepdims = false;  // reductions
  bool reversed = false;  // cumsum
};

struct Node {
  const Operation* operation = nullptr;  // null for inputs, parameters and constants
  Operands inputs;
  Attributes attributes;
  Shape shape;
  DType dtype = DType::float32;
  std::string name;  // inputs and parameters have one; layers name what they add
  Tensor value;      // constants, and all nodes of a graph that evaluates at once
  bool constant = false;
};

/// Nodes in blocks, which keep their places while others come, and their memory when they go: recording takes up what forgetting
/// has given back.
class Nodes {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Node& operator[](std::size_t i) noexcept { return blocks_[i / kBlock][i % kBlock]; }
  [[nodiscard]] const Node& operator[](std::size_t i) const noexcept { return blocks_[i / kBlock][i % kBlock]; }
  /// The node after the last, to be filled in; all its fields may hold what they like.
  [[nodiscard]] Node& next() {
    if (size_ == blocks_.size() * kBlock) blocks_.emplace_back(kBlock);
    return (*this)[size_];
  }
  /// Makes it the last.
  void take_next() noexcept { ++size_; }
  /// Leaves the first `size`.
  void shrink(std::size_t size);

 private:
  static constexpr std::size_t kBlock = 64;
  std::vector<std::vector<Node>> blocks_;  // each of kBlock nodes
  std::size_t size_ = 0;
};

enum class Evaluate : std::uint8_t { later, at_once };

class Graph {
 public:
  /// A graph that evaluates at once has variables instead of inputs and parameters, and each node its value from the start.
  explicit Graph(DType dtype, Evaluate when = Evaluate::later);

  /// The floating-point type of the graph's values.
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] NodeId size() const noexcept { return static_cast<NodeId>(nodes_.size()); }
  /// std::out_of_range for a node that does not exist. The reference stays valid while nodes are added.
  [[nodiscard]] const Node& node(NodeId id) const {
    if (id < 0 || id >= size()) throw_no_node(id);
    return nodes_[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] const std::vector<NodeId>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<NodeId>& parameters() const noexcept { return parameters_; }
  /// The bytes of values that nodes have got since the graph was made or last forgot some.
  [[nodiscard]] std::size_t new_bytes() const noexcept { return new_bytes_; }
  /// Forgets all nodes but those that `roots` depend on, for graphs that evaluate at once; gives each root its new number.
  void forget_but(std::span<NodeId* const> roots);

  /// A value given at each evaluation. DType::int64 for class labels.
  NodeId input(std::string name, Shape shape, DType dtype);
  /// A value that training changes; names are unique.
  NodeId parameter(std::string name, Shape shape);
  NodeId constant(const Tensor& value);
  /// A value to differentiate in, for graphs that evaluate at once.
  NodeId variable(const Tensor& value);
  /// Adds `operation` on `inputs`; its shape rule checks them and throws std::invalid_argument naming operation, expected, got.
  NodeId apply(const Operation& operation, Operands inputs, const Attributes& attributes = {}, std::string name = {});
  /// Nodes from `first` on that have no name take this one: what a rule adds for a node belongs to the same layer.
  void name_nodes(NodeId first, const std::string& name);
  /// Keeps an operation alive as long as this graph and its copies: one that is not among all_operations().
  void keep(std::shared_ptr<const Operation> operation) { kept_.push_back(std::move(operation)); }
  void keep_those_of(const Graph& other) { kept_.insert(kept_.end(), other.kept_.begin(), other.kept_.end()); }

 private:
  /// Counts the node that has been filled in after the last.
  NodeId added();
  [[noreturn]] void throw_no_node(NodeId id) const;
  NodeId evaluated(Node& next, std::span<ValueType> types, std::span<Tensor> values);
  void take_name(const std::string& name);

  Nodes nodes_;
  std::vector<std::shared_ptr<const Operation>> kept_;
  std::unordered_set<std::string> names_;
  std::vector<NodeId> inputs_;
  std::vector<NodeId> parameters_;
  DType dtype_;
  Evaluate when_;
  std::size_t new_bytes_ = 0;
};

/// The nodes that `outputs` depend on and, where `wrt` is not empty, that themselves depend on a node of `wrt`; ascending.
/// Nodes before `first` are taken as independent of each other and left out: the work is then in proportion to what comes after.
[[nodiscard]] std::vector<NodeId> between(const Graph& graph, std::span<const NodeId> wrt, std::span<const NodeId> outputs,
                                          NodeId first = 0);

}  // namespace chainrule::graph
