#include "train/evaluator.h"

#include <algorithm>

#include "base/error.h"
#include "graph/differentiate.h"
#include "graph/operation.h"

namespace chainrule::train {
namespace {

std::size_t block_count(const Dataset& data) noexcept { return (data.rows() + kEvaluationRows - 1) / kEvaluationRows; }

std::size_t most_entries_of_blocks(const SparseView& x) {
  std::size_t most = 0;
  for (std::size_t first = 0; first < x.rows(); first += kEvaluationRows) {
    most = std::max(most, entries_of(x, {first, std::min(first + kEvaluationRows, x.rows())}));
  }
  return most;
}

}  // namespace

template <class T>
void Sums::add(std::span<const HeadSettings> settings, const BatchRows<T>& batch, std::size_t count, double penalty_now) {
  const auto add_rows = [&](double& sum, const auto& value) {
    double total = sum;
    for (std::size_t i = 0; i < count; ++i) total += value(i);
    sum = total;
  };
  if (losses.size() < batch.heads.size()) losses.resize(batch.heads.size());
  std::size_t metric = 0;
  for (std::size_t h = 0; h < batch.heads.size(); ++h) {
    const auto& head = batch.heads[h];
    add_rows(losses[h], [&](std::size_t i) { return batch.weight[i] * static_cast<double>(head.loss[i]); });
    for (const Buffer<T>& values : head.metric_values) {
      if (metrics.size() == metric) metrics.emplace_back();
      add_rows(metrics[metric++], [&](std::size_t i) { return static_cast<double>(values[i]); });
    }
    if (!head.keeps_rows()) continue;
    collected.resize(batch.heads.size());
    collected[h].add(settings[h].metrics, head.kept(count));
  }
  const double before = weight;
  add_rows(weight, [&](std::size_t i) { return batch.weight[i]; });
  if (penalty_now != 0) penalty += (weight - before) * penalty_now;
  rows += count;
}

void Sums::add(const Sums& other) {
  const auto add_each = [](std::vector<double>& to, const std::vector<double>& from) {
    to.resize(std::max(to.size(), from.size()));
    for (std::size_t i = 0; i < from.size(); ++i) to[i] += from[i];
  };
  add_each(losses, other.losses);
  add_each(metrics, other.metrics);
  collected.resize(std::max(collected.size(), other.collected.size()));
  for (std::size_t h = 0; h < other.collected.size(); ++h) collected[h].add(other.collected[h]);
  penalty += other.penalty;
  weight += other.weight;
  rows += other.rows;
}

void Sums::clear() {
  weight = penalty = 0;
  rows = 0;
  std::fill(losses.begin(), losses.end(), 0.0);
  std::fill(metrics.begin(), metrics.end(), 0.0);
  for (Collected& of_head : collected) of_head.clear();
}

Averages Sums::averages(std::span<const HeadSettings> settings) const {
  Averages means;
  std::size_t first = 0;
  for (std::size_t h = 0; h < settings.size(); ++h) {
    const double mean = weight > 0 && h < losses.size() ? losses[h] / weight : 0.0;
    means.loss += settings[h].weight * mean;
    if (settings.size() > 1) means.of_heads.push_back(mean);
    const MetricPlan& plan = settings[h].metrics;
    if (plan.metrics.empty()) continue;
    const std::span<const double> of_rows = std::span(metrics).subspan(std::min(first, metrics.size()));
    static const Collected kNone;
    const std::vector<double> values = metric_values(plan, of_rows, rows, h < collected.size() ? collected[h] : kNone);
    means.metrics.insert(means.metrics.end(), values.begin(), values.end());
    first += plan.by_row().size();
  }
  if (weight > 0) means.loss += penalty / weight;
  return means;
}

LossGraph::LossGraph(const graph::Graph& base, std::vector<graph::NodeId> inputs, std::vector<graph::NodeId> outputs,
                     std::span<const HeadSettings> heads)
    : graph(base) {
  if (heads.size() != outputs.size()) {
    throw std::invalid_argument(text("losses: expected one for each of ", outputs.size(), " outputs, got ", heads.size()));
  }
  request.inputs = std::move(inputs);
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const HeadSettings& head = heads[i];
    const std::string number = heads.size() == 1 ? "" : text("_", i);
    // A function given in Python takes targets of a width of its own.
    const auto* const function = dynamic_cast<const graph::RowFunction*>(head.loss.get());
    const Shape target = function == nullptr ? graph.node(outputs[i]).shape : function->input_shape(1);
    plan::Head& added = request.heads.emplace_back();
    added.target = head.labels() ? graph.input("target" + number, {graph::kRows}, DType::int64)
                                 : graph.input("target" + number, target, graph.dtype());
    added.seed = graph.input("seed" + number, {graph::kRows}, graph.dtype());
    graph::Attributes attributes;
    attributes.alpha = head.alpha;
    graph.keep(head.loss);
    added.loss = graph.apply(*head.loss, {outputs[i], added.target}, attributes, "loss" + number);
  }
  request.outputs = std::move(outputs);
}

void LossGraph::differentiate(const std::set<std::string>& frozen) {
  for (const graph::NodeId id : graph.parameters()) {
    if (frozen.count(graph.node(id).name) == 0) request.parameters.push_back(id);
  }
  std::vector<graph::NodeId> losses;
  std::vector<graph::NodeId> seeds;
  for (const plan::Head& head : request.heads) {
    losses.push_back(head.loss);
    seeds.push_back(head.seed);
  }
  request.gradients = graph::reverse(graph, losses, seeds, request.parameters);
}

template <class T>
Evaluator<T>::Evaluator(NetworkOf<T>& network, std::vector<HeadSettings> heads) : network_(network), heads_(std::move(heads)) {
  const Dataset dense{.x = std::vector<Feature>(network.input_nodes().size()), .y = {}, .weight = {}};
  plan_for(dense);
}

template <class T>
void Evaluator<T>::plan_for(const Dataset& data) {
  std::vector<bool> sparse = sparse_inputs(data.x);
  if (sparse == sparse_) return;
  LossGraph with_loss(network_.graph(), network_.input_nodes(), network_.output_nodes(), heads_);
  with_loss.request.sparse = sparse;
  program_ = plan::make_program<T>(with_loss.graph, with_loss.request, network_.parameters(), kEvaluationRows);
  sparse_ = std::move(sparse);
  workers_.clear();
}

template <class T>
void Evaluator<T>::prepare(const Dataset& data, int threads) {
  plan_for(data);
  while (workers_.size() < static_cast<std::size_t>(threads)) {
    workers_.push_back({Buffer<T>(program_.workspace), BatchRows<T>(kEvaluationRows, heads_)});
  }
  std::vector<std::size_t> entries(data.x.size());
  for (std::size_t i = 0; i < data.x.size(); ++i) {
    if (data.x[i].sparse) entries[i] = most_entries_of_blocks(*data.x[i].sparse);
  }
  for (Worker& worker : workers_) reserve(worker.rows.x, data.x, kEvaluationRows, entries);
  const std::size_t blocks = block_count(data);
  blocks_.resize(blocks);
  known_.store(true, std::memory_order_relaxed);
  gathered_.resize(blocks);
}

template <class T>
void Evaluator<T>::run(const Dataset& data, int thread, int threads) {
  const profile::Span span(profile::evaluation);
  Worker& worker = workers_[static_cast<std::size_t>(thread)];
  plan::RowContext<T> context;
  context.workspace = worker.workspace.data();
  context.sparse = worker.rows.x;
  context.heads = worker.rows.rows;
  context.known = &known_;
  const Range mine = share(blocks_.size(), thread, threads);
  for (std::size_t block = mine.begin; block < mine.end; ++block) {
    const std::size_t first = block * kEvaluationRows;
    const Range rows{0, std::min(kEvaluationRows, data.rows() - first)};
    gathered_[block] = gather(program_, data, {nullptr, first}, rows, 0.0, worker.workspace.data(), worker.rows);
    plan::run_rows(program_, network_.parameters(), context, rows);
    blocks_[block].clear();
    blocks_[block].add(heads_, worker.rows, rows.end);
  }
}

template <class T>
Averages Evaluator<T>::result(const Dataset& data) const {
  Sums total;
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    const std::size_t first = block * kEvaluationRows;
    if (!gathered_[block].finite) {
      throw_nonfinite(data.x, kDType<T>, {}, {first, std::min(first + kEvaluationRows, data.rows())}, "evaluate");
    }
    if (!gathered_[block].labelled) {
      throw std::invalid_argument(
          text("evaluate: expected labels from 0 below the number of outputs, got another in rows from ", first));
    }
    total.add(blocks_[block]);
  }
  if (!known_.load()) throw_unknown("evaluate");
  return total.averages(heads_);
}

template <class T>
plan::TeamCost Evaluator<T>::cost(const Dataset& data) {
  plan_for(data);
  plan::Work work = plan::work_of(program_, data.rows(), mean_entries(data.x));
  work.grain = kEvaluationRows;
  return {work, plan::Occasion::call};
}

template void Sums::add(std::span<const HeadSettings>, const BatchRows<float>&, std::size_t, double);
template void Sums::add(std::span<const HeadSettings>, const BatchRows<double>&, std::size_t, double);
template class Evaluator<float>;
template class Evaluator<double>;

}  // namespace chainrule::train
