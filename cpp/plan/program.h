// A plan: what the graph's operations have become. Two phases, a barrier after each.
//
// Row phase: steps whose rows are independent of each other; each thread takes a block of rows through all of them, forward, loss
// and backward, without waiting. (A step over the whole batch, as batch normalisation is, parts it in two, with a barrier before
// and after.) Parameter phase: sums over rows, one tile of one parameter at a time, each followed at once by its
// update, so that no gradient is ever stored.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/row_function.h"
#include "kernels/table.h"
#include "plan/parameters.h"
#include "profile/span.h"

namespace chainrule::plan {

/// Where a batch-wide value lies in the workspace: a panel matrix whose rows are the batch's.
struct Slot {
  std::size_t offset = 0;   // in elements from the workspace's start
  std::size_t columns = 0;  // 0: no value
};

inline constexpr std::size_t kNoParameter = static_cast<std::size_t>(-1);
inline constexpr std::size_t kNoInput = static_cast<std::size_t>(-1);

/// The mean number of entries in a row of each input, where that is sparse.
using MeanEntries = std::span<const double>;

enum class StepKind : std::uint8_t {
  dense,                       // out = a weight [+ bias] [relu]
  sparse_dense,                // the same of a sparse input
  input_gradient,              // out = a weight^T [where saved > 0]
  unary,                       // out = f(a)
  unary_backward,              // out = a * f'(saved)
  binary,                      // out = a (op) b
  row,                         // out = f(row of a)
  row_backward,                // out from cotangent a and saved
  scale_shift,                 // out = a * weight + bias, column by column
  standardize_columns,         // out = (a - bias) / sqrt(weight + alpha), column by column
  standardize_batch,           // the same with mean and variance of a's columns over the batch
  standardize_batch_backward,  // out from cotangent a and saved
  repeat_row,                  // out = weight in each row
  slice_columns,               // out = columns of a, from `first_column` on
  place_columns,               // out = a from `first_column` on, zeros beside it
  join_columns,                // out = operands side by side
  embedding,                   // out = rows of weight, named by the values of a
  dropout_mask,                // out = mask
  loss,                        // losses, and out = gradient where it has a slot
  function,                    // out = f(operands), a function given in Python
  loss_function,               // such a loss, and out = gradient where it has a slot
};

/// Whether a step needs all rows of the batch at once; its panels are independent of each other.
[[nodiscard]] constexpr bool takes_whole_batch(StepKind kind) noexcept {
  return kind == StepKind::standardize_batch || kind == StepKind::standardize_batch_backward;
}

/// One operation on a block of rows.
template <class T>
struct RowStep {
  StepKind kind = StepKind::dense;
  Slot a, b, saved, out;
  std::vector<Slot> operands = {};  // of a function, where one without columns is the seed; what is joined
  Slot mean, variance;              // over the batch; in row 0
  std::size_t input = kNoInput;     // that is sparse and taken instead of a
  std::size_t first_column = 0;
  std::size_t head = 0;  // of a loss
  std::shared_ptr<graph::RowRunner> function = nullptr;
  std::size_t weight = kNoParameter;
  std::size_t bias = kNoParameter;
  kernels::Epilogue epilogue = kernels::Epilogue::none;
  T alpha = 0;
  std::int64_t key = 0;
  union {
    void (*gemm)(const kernels::GemmArgs<T>&) = nullptr;
    void (*sparse)(const kernels::SparseForwardArgs<T>&);
    void (*unary)(const kernels::UnaryArgs<T>&);
    void (*unary_backward)(const kernels::UnaryBackwardArgs<T>&);
    void (*binary)(const kernels::BinaryArgs<T>&);
    void (*row)(const kernels::RowArgs<T>&);
    void (*row_backward)(const kernels::RowBackwardArgs<T>&);
    void (*loss)(const kernels::LossArgs<T>&);
    void (*column)(const kernels::ColumnArgs<T>&);
  };
  std::string operation;  // as plans and profiles name it: "matmul+add+relu"
  std::string layer;      // the name its nodes have, or ""
  profile::Label label = 0;
  double flops_per_row = 0;        // of a sparse input, for each entry
  double bytes_per_row = 0;        // of values read and written
  double bytes_of_parameters = 0;  // read for each block of rows
  /// For each row of a batch.
  [[nodiscard]] double flops(MeanEntries entries) const noexcept;
};

/// The gradient of one parameter's master.
struct GradientTask {
  enum class Kind : std::uint8_t {
    product,    // x^T dz
    sparse,     // the same of a sparse input
    sum,        // the column sums of dz; x has no columns
    embedding,  // dz added up by the rows of the table that x names
  };
  std::size_t parameter = 0;
  Kind kind = Kind::product;
  Slot x, dz;
  std::size_t input = kNoInput;  // that is sparse and taken instead of x
  std::string layer = {};
  struct Labels {
    profile::Label gradient = 0;
    profile::Label update = 0;
    profile::Label both = 0;
  } labels = {};
  /// For each row of a batch.
  [[nodiscard]] double flops(MeanEntries entries) const noexcept;
};
/// As plans and profiles name it.
[[nodiscard]] const char* name_of(GradientTask::Kind kind) noexcept;

/// Statistics of a batch that training remembers: each parameter moves towards its slot's row 0 by `momentum`.
struct RunningStatistics {
  std::size_t mean = 0;  // parameters
  std::size_t variance = 0;
  Slot batch_mean, batch_variance;
  double momentum = 0;
};

template <class T>
struct Program {
  std::size_t capacity = 0;           // rows that the workspace holds
  std::size_t stride = 0;             // elements between the panels of a slot
  std::size_t workspace = 0;          // elements
  std::vector<std::size_t> features;  // the columns of each input
  std::vector<Slot> inputs, outputs;  // no columns where an input is sparse
  std::vector<Slot> targets;          // values, by head; no columns where its loss takes labels
  std::vector<RowStep<T>> steps;
  std::vector<std::size_t> whole_batch;  // the numbers of the steps that take all rows at once, in order
  std::vector<GradientTask> gradients;
  std::vector<RunningStatistics> running;
  const kernels::Tables* tables = nullptr;
  const kernels::KernelTable<T>* table = nullptr;  // of these

  /// Floating-point operations for each row of a batch, in the row phase and in the gradients.
  [[nodiscard]] double row_flops(MeanEntries entries = {}) const noexcept;
  [[nodiscard]] double gradient_flops(MeanEntries entries = {}) const noexcept;
};

/// A loss with its target; `seed` is the {kRows} input that its cotangents start from. `loss` kNone: the target is only an input.
struct Head {
  graph::NodeId target = graph::kNone;
  graph::NodeId loss = graph::kNone;
  graph::NodeId seed = graph::kNone;
};

/// What is planned: nodes of one graph. Without heads the forward phase only; gradients[i] is the node of the gradient of
/// parameters[i].
struct Request {
  std::vector<graph::NodeId> inputs = {};
  std::vector<bool> sparse = {};  // which of them are; none where it is empty
  std::vector<graph::NodeId> outputs = {};
  std::vector<Head> heads = {};
  std::vector<graph::NodeId> gradients = {};
  std::vector<graph::NodeId> parameters = {};
};

/// Lowers a graph to a program for batches of up to `capacity` rows. Parameters are found in the store by their names.
/// std::invalid_argument names an operation that has no planned form, or the layer that a sparse input cannot go to.
template <class T>
[[nodiscard]] Program<T> make_program(const graph::Graph& graph, const Request& request, Parameters<T>& store,
                                      std::size_t capacity);

}  // namespace chainrule::plan
