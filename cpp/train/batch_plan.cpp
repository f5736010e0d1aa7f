#include "train/batch_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/fp_environment.h"

namespace chainrule::train {

template <class T>
BatchPlan<T>::BatchPlan(const LossGraph& graph, plan::Parameters<T>& parameters, std::span<const HeadSettings> heads,
                        std::size_t rows, std::vector<bool> sparse)
    : sparse_(std::move(sparse)), rows_(rows, heads) {
  plan::Request request = graph.request;
  request.sparse = sparse_;
  program_ = plan::make_program<T>(graph.graph, request, parameters, rows);
  tiles_ = plan::make_tiles(program_, parameters);
  workspace_ = Buffer<T>(program_.workspace);
}

template <class T>
void BatchPlan<T>::reserve_entries(std::span<const Feature> x, std::span<const std::size_t> entries) {
  reserve(rows_.x, x, capacity(), entries);
}

template <class T>
void BatchPlan<T>::share_among(int threads, std::size_t rows, plan::Schedule schedule, plan::Parameters<T>& parameters,
                               plan::Update<T>& update) {
  // Of each thread a cache line beside.
  const bool hinted = std::find(sparse_.begin(), sparse_.end(), true) != sparse_.end();
  if (hinted) hints_.resize((capacity() + kCacheLine) * static_cast<std::size_t>(threads));
  shares_ = plan::share_tiles(tiles_, rows, threads, schedule);
  plan::bind_tiles<T>(program_, parameters, update, workspace_.data(), tiles_, bound_tiles_);
}

template <class T>
std::span<const plan::BoundTile<T>> BatchPlan<T>::tiles_of(int thread) const noexcept {
  const Range mine = shares_[static_cast<std::size_t>(thread)];
  return std::span(bound_tiles_).subspan(mine.begin, mine.end - mine.begin);
}

template <class T>
plan::BatchValues<T> BatchPlan<T>::values(int thread, std::size_t rows) noexcept {
  std::span<std::size_t> hints = hints_;
  if (!hints.empty()) hints = hints.subspan((capacity() + kCacheLine) * static_cast<std::size_t>(thread), capacity());
  return {workspace_.data(), rows_.x, hints, rows};
}

template <class T>
plan::RowContext<T> BatchPlan<T>::context(Run& run, RandomKey random) noexcept {
  plan::RowContext<T> context;
  context.workspace = workspace_.data();
  context.sparse = rows_.x;
  context.heads = rows_.rows;
  context.random_seed = random.seed;
  context.random_step = random.step;
  context.known = &run.known;
  return context;
}

template <class T>
void BatchPlan<T>::run_rows(Run& run, int thread, const plan::Parameters<T>& parameters, const Batch& batch, RandomKey random) {
  const Range mine = share(batch.rows, thread, run.threads);
  const Gathered gathered = gather(program_, batch.data, batch.selection, mine, batch.total, workspace_.data(), rows_);
  if (!gathered.labelled) run.fail(Failure::bad_label);
  if (!gathered.finite) run.fail(Failure::nonfinite);
  const plan::Member member{thread, run.threads, run.barrier};
  if (run.schedule == plan::Schedule::columns) {
    plan::run_columns(program_, parameters, context(run, random), batch.rows, member);
  } else {
    plan::run_rows(program_, parameters, context(run, random), batch.rows, member);
  }
  for (const auto& head : rows_.heads) {
    for (std::size_t i = mine.begin; i < mine.end; ++i) {
      if (!std::isfinite(head.loss[i])) run.fail(Failure::diverged);
    }
  }
  plan::wait_at(run.barrier);
}

template <class T>
void BatchPlan<T>::update_running(plan::Parameters<T>& parameters, std::size_t rows) {
  plan::update_running(program_, parameters, workspace_.data(), rows);
}

template <class T>
std::string BatchPlan<T>::diverged_layer(Run& replay, const plan::Parameters<T>& parameters, const Batch& batch, RandomKey random,
                                         std::span<const HeadSettings> heads) {
  const FpEnvironment environment;
  static_cast<void>(gather(program_, batch.data, batch.selection, {0, batch.rows}, batch.total, workspace_.data(), rows_));
  const auto is_finite = [](T value) { return std::isfinite(value); };
  for (std::size_t i = 0; i < program_.steps.size(); ++i) {
    plan::run_steps(program_, parameters, context(replay, random), {0, batch.rows}, i, i + 1);
    const plan::RowStep<T>& step = program_.steps[i];
    if (step.kind == plan::StepKind::loss || step.kind == plan::StepKind::loss_function) {
      const T* const losses = rows_.heads[step.head].loss.data();
      if (!std::all_of(losses, losses + batch.rows, is_finite)) return std::string(heads[step.head].loss->name());
    }
    const kernels::Panels<T> out = plan::panels_of(program_, step.out, workspace_.data());
    for (std::size_t row = 0; row < batch.rows; ++row) {
      for (std::size_t column = 0; column < step.out.columns; ++column) {
        if (!std::isfinite(*out.at(row, column))) return step.layer.empty() ? step.operation : step.layer;
      }
    }
  }
  return std::string(heads[0].loss->name());
}

template <class T>
std::string BatchPlan<T>::overflowed_parameter(const plan::Parameters<T>& parameters, const plan::Gradients<T>& gradients) const {
  const auto squares = [&](const plan::ParameterTile& tile) {
    const double of_tile = gradients.squares[tile.number];
    return std::isnan(of_tile) ? std::numeric_limits<double>::infinity() : of_tile;
  };
  const auto largest = std::max_element(tiles_.begin(), tiles_.end(), [&](const auto& a, const auto& b) {
    return squares(a) < squares(b) || (squares(a) == squares(b) && a.number > b.number);
  });
  return parameters[largest->parameter].name;
}

template class BatchPlan<float>;
template class BatchPlan<double>;

}  // namespace chainrule::train
