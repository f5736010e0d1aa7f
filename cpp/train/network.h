// A network: its parameters, and the plan that predicts with them. Any number of threads may predict at once; training excludes
// them for the length of one call into the training loop.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "plan/execute.h"
#include "train/data.h"

namespace chainrule::train {

/// Rows that prediction and evaluation take through the network at a time; also the unit of their sums, so that losses do not
/// depend on the number of threads.
inline constexpr std::size_t kEvaluationRows = 256;

/// Workspaces that come back after use, so that a call allocates nothing once enough exist.
template <class T>
class WorkspacePool {
 public:
  [[nodiscard]] Buffer<T> take(std::size_t size);
  void give_back(Buffer<T> workspace);

 private:
  std::mutex mutex_;
  std::vector<Buffer<T>> free_;
};

/// Refuses features that do not fit: their number, columns, or rows, and sparse ones that contradict themselves.
void check_features(std::span<const Feature> x, std::span<const std::size_t> columns, const char* operation);
/// std::out_of_range for numbers that name no row of an embedding's table.
[[noreturn]] void throw_unknown(const char* operation);

class Network {
 public:
  /// The network of an inference graph. Inputs and outputs are (kRows, columns).
  [[nodiscard]] static std::unique_ptr<Network> make(graph::Graph graph, std::vector<graph::NodeId> inputs,
                                                     std::vector<graph::NodeId> outputs);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  virtual ~Network() = default;

  [[nodiscard]] virtual DType dtype() const noexcept = 0;
  [[nodiscard]] virtual std::vector<std::string> parameter_names() const = 0;
  [[nodiscard]] virtual Tensor parameter(const std::string& name) = 0;
  /// All or nothing: names, shapes and types are checked before anything is written.
  virtual void set_parameters(const std::vector<std::pair<std::string, Tensor>>& values) = 0;
  /// The columns of each input, and of each output.
  [[nodiscard]] virtual const std::vector<std::size_t>& features() const noexcept = 0;
  [[nodiscard]] virtual const std::vector<std::size_t>& outputs() const noexcept = 0;
  /// out[i]: output i, row-major, of the network's type. std::invalid_argument names a NaN or infinity in x, std::out_of_range what
  /// is no row of an embedding's table; out is then written in part.
  virtual void predict(std::span<const Feature> x, std::span<void* const> out) = 0;
  [[nodiscard]] virtual std::string explain() = 0;

 protected:
  Network() = default;
};

template <class T>
class NetworkOf final : public Network {
 public:
  NetworkOf(graph::Graph graph, std::vector<graph::NodeId> inputs, std::vector<graph::NodeId> outputs);

  [[nodiscard]] DType dtype() const noexcept override { return kDType<T>; }
  [[nodiscard]] std::vector<std::string> parameter_names() const override;
  [[nodiscard]] Tensor parameter(const std::string& name) override;
  void set_parameters(const std::vector<std::pair<std::string, Tensor>>& values) override;
  [[nodiscard]] const std::vector<std::size_t>& features() const noexcept override { return features_; }
  [[nodiscard]] const std::vector<std::size_t>& outputs() const noexcept override { return output_columns_; }
  void predict(std::span<const Feature> x, std::span<void* const> out) override;
  [[nodiscard]] std::string explain() override;

  // For the trainer of this network, which locks `mutex` alone while it runs.
  [[nodiscard]] const graph::Graph& graph() const noexcept { return graph_; }
  [[nodiscard]] const std::vector<graph::NodeId>& input_nodes() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<graph::NodeId>& output_nodes() const noexcept { return outputs_; }
  [[nodiscard]] plan::Parameters<T>& parameters() noexcept { return parameters_; }
  [[nodiscard]] std::shared_mutex& mutex() noexcept { return mutex_; }

 private:
  /// A plan for inputs of some kind, dense or sparse each, with the workspaces that it has used.
  struct Prediction {
    plan::Program<T> program;
    WorkspacePool<T> workspaces;
  };
  /// The plan for such features, which is made where it is the first of its kind.
  [[nodiscard]] Prediction& prediction_of(std::span<const Feature> x);

  graph::Graph graph_;
  std::vector<graph::NodeId> inputs_;
  std::vector<graph::NodeId> outputs_;
  std::vector<std::size_t> features_;
  std::vector<std::size_t> output_columns_;
  plan::Parameters<T> parameters_;
  Prediction dense_;
  std::mutex making_;  // of sparse_
  std::map<std::vector<bool>, Prediction> sparse_;
  std::shared_mutex mutex_;
};

}  // namespace chainrule::train
