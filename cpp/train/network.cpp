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

void check_features(std::span<const Feature> x, std::span<const std::size_t> columns, const char* operation) {
  if (x.size() != columns.size()) {
    throw std::invalid_argument(text(operation, ": expected ", columns.size(), " inputs, got ", x.size()));
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t rows = x[i].rows();
    if (x[i].columns() != columns[i]) {
      throw std::invalid_argument(text(operation, ": expected ", columns[i], " features in ", name_of_input(i, x.size()),
                                       ", got shape (", rows, ", ", x[i].columns(), ")"));
    }
    if (rows != x[0].rows()) {
      throw std::invalid_argument(
          text(operation, ": expected ", x[0].rows(), " rows in ", name_of_input(i, x.size()), ", got ", rows));
    }
    if (x[i].sparse) check_sparse(*x[i].sparse, operation, name_of_input(i, x.size()));
  }
}

void throw_unknown(const char* operation) {
  throw std::out_of_range(text(operation, ": expected whole numbers from 0 below an embedding's size in its columns, got another"));
}

std::unique_ptr<Network> Network::make(graph::Graph graph, std::vector<graph::NodeId> inputs, std::vector<graph::NodeId> outputs) {
  if (graph.dtype() == DType::float32) {
    return std::make_unique<NetworkOf<float>>(std::move(graph), std::move(inputs), std::move(outputs));
  }
  return std::make_unique<NetworkOf<double>>(std::move(graph), std::move(inputs), std::move(outputs));
}

template <class T>
NetworkOf<T>::NetworkOf(graph::Graph graph, std::vector<graph::NodeId> inputs, std::vector<graph::NodeId> outputs)
    : graph_(std::move(graph)), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {
  for (const auto& nodes : {inputs_, outputs_}) {
    if (nodes.empty()) throw std::invalid_argument("network: expected an input and an output, got none");
    for (const graph::NodeId id : nodes) {
      const Shape& shape = graph_.node(id).shape;
      if (shape.size() != 2 || shape[0] != graph::kRows) {
        throw std::invalid_argument(text("network: expected nodes of shape (rows, features), got ", to_string(shape)));
      }
    }
  }
  for (const graph::NodeId id : graph_.parameters()) parameters_.add(graph_.node(id).name, graph_.node(id).shape);
  dense_.program = plan::make_program<T>(graph_, {.inputs = inputs_, .outputs = outputs_}, parameters_, kEvaluationRows);
  features_ = dense_.program.features;
  for (const plan::Slot slot : dense_.program.outputs) output_columns_.push_back(slot.columns);
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
typename NetworkOf<T>::Prediction& NetworkOf<T>::prediction_of(std::span<const Feature> x) {
  if (std::none_of(x.begin(), x.end(), [](const Feature& feature) { return feature.sparse.has_value(); })) return dense_;
  const std::vector<bool> kinds = sparse_inputs(x);
  const std::lock_guard lock(making_);
  if (const auto found = sparse_.find(kinds); found != sparse_.end()) return found->second;
  plan::Program<T> program =
      plan::make_program<T>(graph_, {.inputs = inputs_, .sparse = kinds, .outputs = outputs_}, parameters_, kEvaluationRows);
  Prediction& made = sparse_[kinds];
  made.program = std::move(program);
  return made;
}

template <class T>
void NetworkOf<T>::predict(std::span<const Feature> x, std::span<void* const> out) {
  check_features(x, dense_.program.features, "predict");
  const std::size_t count = x[0].rows();
  const std::shared_lock lock(mutex_);
  auto& [program, pool] = prediction_of(x);
  const bool sparse = &program != &dense_.program;
  const std::vector<double> entries = sparse ? mean_entries(x) : std::vector<double>();
  const int threads = plan::choose_threads({plan::work_of(program, count, entries), plan::Occasion::call});
  std::vector<Buffer<T>> workspaces;
  workspaces.reserve(static_cast<std::size_t>(threads));
  for (int thread = 0; thread < threads; ++thread) workspaces.push_back(pool.take(program.workspace));
  std::atomic<bool> finite{true};
  std::atomic<bool> known{true};
  run_team(threads, [&, &program = program](int thread) {
    profile::count_step();
    const profile::Span span(profile::prediction);
    T* workspace = workspaces[static_cast<std::size_t>(thread)].data();
    const Range mine = share(count, thread, threads);
    std::vector<plan::SparseBatch<T>> sparse_rows;
    plan::RowContext<T> context;
    context.workspace = workspace;
    context.known = &known;
    for (std::size_t begin = mine.begin; begin < mine.end; begin += kEvaluationRows) {
      const Range rows{0, std::min(kEvaluationRows, mine.end - begin)};
      if (sparse) {
        reserve(sparse_rows, x, kEvaluationRows, entries_of(x, {begin, begin + rows.end}));
        context.sparse = sparse_rows;
      }
      if (!gather_features(program, x, {nullptr, begin}, rows, workspace, std::span(sparse_rows))) {
        finite.store(false, std::memory_order_relaxed);
        return;
      }
      plan::run_rows(program, parameters_, context, rows);
      const profile::Span unpacking(profile::unpacking);
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::size_t columns = program.outputs[i].columns;
        const kernels::Panels<T> result = plan::panels_of(program, program.outputs[i], workspace);
        plan::unpack<T>({result.data, result.stride}, rows.end, columns, static_cast<T*>(out[i]) + begin * columns);
      }
    }
  });
  for (Buffer<T>& workspace : workspaces) pool.give_back(std::move(workspace));
  if (!finite.load()) throw_nonfinite(x, kDType<T>, {}, {0, count}, "predict");
  if (!known.load()) throw_unknown("predict");
}

template <class T>
std::string NetworkOf<T>::explain() {
  const std::shared_lock lock(mutex_);
  return plan::explain_machine(dense_.program) + "\n" + plan::explain(dense_.program);
}

template class NetworkOf<float>;
template class NetworkOf<double>;
template class WorkspacePool<float>;
template class WorkspacePool<double>;

}  // namespace chainrule::train
