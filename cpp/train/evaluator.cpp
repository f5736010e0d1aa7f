#include "train/evaluator.h"

#include <algorithm>

#include "base/error.h"
#include "graph/operation.h"

namespace chainrule::train {
namespace {

std::size_t block_count(const Dataset& data) noexcept { return (data.x.rows + kEvaluationRows - 1) / kEvaluationRows; }

}  // namespace

template <class T>
void Sums::add(const BatchRows<T>& batch, std::size_t count) {
  metrics.resize(batch.metrics.size());
  for (std::size_t i = 0; i < count; ++i) {
    loss += batch.weight[i] * static_cast<double>(batch.loss[i]);
    weight += batch.weight[i];
  }
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    for (std::size_t i = 0; i < count; ++i) metrics[m] += static_cast<double>(batch.metric_values[m][i]);
  }
  rows += count;
}

void Sums::add(const Sums& other) {
  loss += other.loss;
  weight += other.weight;
  rows += other.rows;
  metrics.resize(std::max(metrics.size(), other.metrics.size()));
  for (std::size_t m = 0; m < other.metrics.size(); ++m) metrics[m] += other.metrics[m];
}

void Sums::clear() {
  loss = weight = 0;
  rows = 0;
  std::fill(metrics.begin(), metrics.end(), 0.0);
}

Averages Sums::averages() const {
  Averages means;
  means.loss = weight > 0 ? loss / weight : 0.0;
  for (const double sum : metrics) means.metrics.push_back(rows > 0 ? sum / static_cast<double>(rows) : 0.0);
  return means;
}

LossGraph::LossGraph(const graph::Graph& base, graph::NodeId input, graph::NodeId output, const graph::SharedOperation& loss,
                     double alpha, bool labels)
    : graph(base) {
  // A function given in Python takes targets of a width of its own.
  const auto* const function = dynamic_cast<const graph::RowFunction*>(loss.get());
  const Shape target = function == nullptr ? graph.node(output).shape : function->input_shape(1);
  request.input = input;
  request.output = output;
  request.target = labels ? graph.input("target", {graph::kRows}, DType::int64) : graph.input("target", target, graph.dtype());
  request.seed = graph.input("seed", {graph::kRows}, graph.dtype());
  graph::Attributes attributes;
  attributes.alpha = alpha;
  graph.keep(loss);
  request.loss = graph.apply(*loss, {output, request.target}, attributes, "loss");
}

template <class T>
Evaluator<T>::Evaluator(NetworkOf<T>& network, const graph::SharedOperation& loss, double alpha, bool labels,
                        std::vector<plan::Metric> metrics, double threshold)
    : network_(network), metrics_(std::move(metrics)), threshold_(threshold) {
  const LossGraph with_loss(network.graph(), network.input(), network.output(), loss, alpha, labels);
  program_ = plan::make_program<T>(with_loss.graph, with_loss.request, network.parameters(), kEvaluationRows);
}

template <class T>
void Evaluator<T>::prepare(const Dataset& data, int threads) {
  while (workers_.size() < static_cast<std::size_t>(threads)) {
    workers_.push_back({Buffer<T>(program_.workspace), BatchRows<T>(kEvaluationRows, metrics_, threshold_)});
  }
  const std::size_t blocks = block_count(data);
  blocks_.resize(blocks);
  valid_.resize(blocks);
}

template <class T>
void Evaluator<T>::run(const Dataset& data, int thread, int threads) {
  Worker& worker = workers_[static_cast<std::size_t>(thread)];
  plan::RowContext<T> context;
  context.workspace = worker.workspace.data();
  context.label = data.labels ? worker.rows.label.data() : nullptr;
  context.loss = worker.rows.loss.data();
  context.metrics = worker.rows.metrics;
  const Range mine = share(blocks_.size(), thread, threads);
  for (std::size_t block = mine.begin; block < mine.end; ++block) {
    const std::size_t first = block * kEvaluationRows;
    const Range rows{0, std::min(kEvaluationRows, data.x.rows - first)};
    valid_[block] = gather(program_, data, {nullptr, first}, rows, 0.0, worker.workspace.data(), worker.rows).labelled ? 1 : 0;
    plan::run_rows(program_, network_.parameters(), context, rows);
    blocks_[block].clear();
    blocks_[block].add(worker.rows, rows.end);
  }
}

template <class T>
Averages Evaluator<T>::result() const {
  Sums total;
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    if (valid_[block] == 0) {
      throw std::invalid_argument(text("evaluate: expected labels from 0 to ", program_.output.columns - 1,
                                       ", got another in rows from ", block * kEvaluationRows));
    }
    total.add(blocks_[block]);
  }
  return total.averages();
}

template <class T>
plan::TeamCost Evaluator<T>::cost(const Dataset& data) const noexcept {
  plan::Work work = plan::work_of(program_, data.x.rows);
  work.grain = kEvaluationRows;
  return {work, plan::Occasion::call};
}

template void Sums::add(const BatchRows<float>&, std::size_t);
template void Sums::add(const BatchRows<double>&, std::size_t);
template class Evaluator<float>;
template class Evaluator<double>;

}  // namespace chainrule::train
