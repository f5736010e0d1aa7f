// A network: its parameters, and the plan that predicts with them. Any number of threads may predict at once; training excludes
// them for the length of one call into the training loop.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
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

class Network {
 public:
  /// The network of an inference graph. `input` is (kRows, features), `output` (kRows, outputs).
  [[nodiscard]] static std::unique_ptr<Network> make(graph::Graph graph, graph::NodeId input, graph::NodeId output);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  virtual ~Network() = default;

  [[nodiscard]] virtual DType dtype() const noexcept = 0;
  [[nodiscard]] virtual std::vector<std::string> parameter_names() const = 0;
  [[nodiscard]] virtual Tensor parameter(const std::string& name) = 0;
  /// All or nothing: names, shapes and types are checked before anything is written.
  virtual void set_parameters(const std::vector<std::pair<std::string, Tensor>>& values) = 0;
  [[nodiscard]] virtual std::size_t features() const noexcept = 0;
  [[nodiscard]] virtual std::size_t outputs() const noexcept = 0;
  /// out: (rows of x, outputs), row-major, of the network's type. std::invalid_argument names a NaN or infinity in x; out is then
  /// written in part.
  virtual void predict(const ArrayView& x, double scale, void* out) = 0;
  [[nodiscard]] virtual std::string explain() = 0;

 protected:
  Network() = default;
};

template <class T>
class NetworkOf final : public Network {
 public:
  NetworkOf(graph::Graph graph, graph::NodeId input, graph::NodeId output);

  [[nodiscard]] DType dtype() const noexcept override { return kDType<T>; }
  [[nodiscard]] std::vector<std::string> parameter_names() const override;
  [[nodiscard]] Tensor parameter(const std::string& name) override;
  void set_parameters(const std::vector<std::pair<std::string, Tensor>>& values) override;
  [[nodiscard]] std::size_t features() const noexcept override { return program_.input.columns; }
  [[nodiscard]] std::size_t outputs() const noexcept override { return program_.output.columns; }
  void predict(const ArrayView& x, double scale, void* out) override;
  [[nodiscard]] std::string explain() override;

  // For the trainer of this network, which locks `mutex` alone while it runs.
  [[nodiscard]] const graph::Graph& graph() const noexcept { return graph_; }
  [[nodiscard]] graph::NodeId input() const noexcept { return input_; }
  [[nodiscard]] graph::NodeId output() const noexcept { return output_; }
  [[nodiscard]] plan::Parameters<T>& parameters() noexcept { return parameters_; }
  [[nodiscard]] std::shared_mutex& mutex() noexcept { return mutex_; }

 private:
  graph::Graph graph_;
  graph::NodeId input_;
  graph::NodeId output_;
  plan::Parameters<T> parameters_;
  plan::Program<T> program_;
  WorkspacePool<T> workspaces_;
  std::shared_mutex mutex_;
};

}  // namespace chainrule::train
