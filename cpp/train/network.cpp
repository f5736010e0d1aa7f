#include "train/network.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "plan/explain.h"

namespace chainrule::train {
template <class T>
Buffer<T> WorkspacePool<T>::take(std::size_t size) {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Buffer<T> workspace = std::move(free_.back());
      free_.pop_back();
      return workspace;
    }
  }
  return Buffer<T>(size);
}

template <class T>
void WorkspacePool<T>::give_back(Buffer<T> workspace) {
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(workspace));
}

std::unique_ptr<Network> Network::make(graph::Graph graph, graph::NodeId input, graph::NodeId output) {
  if (graph.dtype() == DType::float32) return std::make_unique<NetworkOf<float>>(std::move(graph), input, output);
  return std::make_unique<NetworkOf<double>>(std::move(graph), input, output);
}

template <class T>
NetworkOf<T>::NetworkOf(graph::Graph graph, graph::NodeId input, graph::NodeId output)
    : graph_(std::move(graph)), input_(input), output_(output) {
  for (const graph::NodeId id : {input, output}) {
    const Shape& shape = graph_.node(id).shape;
    if (shape.size() != 2 || shape[0] != graph::kRows) {
      throw std::invalid_argument(text("network: expected nodes of shape (rows, features), got ", to_string(shape)));
    }
  }
  for (const graph::NodeId id : graph_.parameters()) parameters_.add(graph_.node(id).name, graph_.node(id).shape);
  program_ = plan::make_program<T>(graph_, {.input = input, .output = output}, parameters_, kEvaluationRows);
}

template <class T>
std::vector<std::string> NetworkOf<T>::parameter_names() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < parameters_.size(); ++i) names.push_back(parameters_[i].name);
  return names;
}

template <class T>
Tensor NetworkOf<T>::parameter(const std::string& name) {
  const std::shared_lock lock(mutex_);
  return parameters_.get(parameters_.find(name));
}

template <class T>
void NetworkOf<T>::set_parameters(const std::vector<std::pair<std::string, Tensor>>& values) {
  const std::unique_lock lock(mutex_);
  for (const auto& [name, tensor] : values) {
    const plan::Parameter<T>& parameter = parameters_[parameters_.find(name)];
    if (tensor.shape() != parameter.shape || tensor.dtype() != kDType<T>) {
      throw std::invalid_argument(text("set_parameters: expected ", name, " of shape ", to_string(parameter.shape), " and type ",
                                       name_of(kDType<T>), ", got ", to_string(tensor.shape()), " and ", name_of(tensor.dtype())));
    }
  }
  for (const auto& [name, tensor] : values) parameters_.set(parameters_.find(name), tensor);
}

template <class T>
void NetworkOf<T>::predict(const ArrayView& x, double scale, void* out) {
  if (x.columns != features()) {
    throw std::invalid_argument(text("predict: expected ", features(), " features, got shape (", x.rows, ", ", x.columns, ")"));
  }
  const std::shared_lock lock(mutex_);
  const int threads = plan::choose_threads({plan::work_of(program_, x.rows), plan::Occasion::call});
  std::vector<Buffer<T>> workspaces;
  workspaces.reserve(static_cast<std::size_t>(threads));
  for (int thread = 0; thread < threads; ++thread) workspaces.push_back(workspaces_.take(program_.workspace));
  std::atomic<bool> finite{true};
  run_team(threads, [&](int thread) {
    T* workspace = workspaces[static_cast<std::size_t>(thread)].data();
    const Range mine = share(x.rows, thread, threads);
    plan::RowContext<T> context;
    context.workspace = workspace;
    for (std::size_t begin = mine.begin; begin < mine.end; begin += kEvaluationRows) {
      const Range rows{0, std::min(kEvaluationRows, mine.end - begin)};
      if (!gather_features(program_, x, scale, {nullptr, begin}, rows, workspace)) {
        finite.store(false, std::memory_order_relaxed);
        return;
      }
      plan::run_rows(program_, parameters_, context, rows);
      const kernels::Panels<T> result = plan::panels_of(program_, program_.output, workspace);
      plan::unpack<T>({result.data, result.stride}, rows.end, outputs(), static_cast<T*>(out) + begin * outputs());
    }
  });
  for (Buffer<T>& workspace : workspaces) workspaces_.give_back(std::move(workspace));
  if (!finite.load()) throw_nonfinite(x, first_nonfinite(x, kDType<T>, {}, {0, x.rows}), "predict", "x");
}

template <class T>
std::string NetworkOf<T>::explain() {
  const std::shared_lock lock(mutex_);
  return plan::explain_machine(program_) + "\n" + plan::explain(program_);
}

template class NetworkOf<float>;
template class NetworkOf<double>;
template class WorkspacePool<float>;
template class WorkspacePool<double>;

}  // namespace chainrule::train
