#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "plan/explain.h"
#include "train/batch_plan.h"
#include "train/bound_data.h"
#include "train/full_gradient.h"
#include "train/objective.h"
#include "train/pace.h"
#include "train/run.h"

namespace chainrule::train {
namespace {

template <class T>
class TrainerOf final : public Trainer {
 public:
  TrainerOf(std::shared_ptr<Network> network, const graph::Graph& graph, const std::vector<graph::NodeId>& inputs,
            const std::vector<graph::NodeId>& outputs, const TrainerSettings& settings)
      : owner_(std::move(network)),
        network_(dynamic_cast<NetworkOf<T>&>(*owner_)),
        settings_(with_outputs(settings, network_.outputs())),
        forward_(graph, inputs, outputs, settings_.heads),
        with_loss_(forward_),
        optimizer_(settings.optimizer),
        objective_(settings.optimizer.objective),
        evaluator_(network_, settings_.heads) {
    for (std::size_t i = 0; i < settings_.heads.size(); ++i) check(settings_.heads[i], forward_.request.heads[i], outputs[i]);
    set_penalties();
    const std::unique_lock lock(network_.mutex());
    train_parameters({}, {}, 1, std::vector<bool>(inputs.size()));
  }

  [[nodiscard]] double lr() const noexcept override { return optimizer_.lr(); }
  void set_lr(double lr) override { optimizer_.set_lr(lr); }
  void set_lrs(std::vector<double> lrs) override { optimizer_.set_lrs(std::move(lrs)); }
  [[nodiscard]] std::uint64_t epoch() const noexcept override { return epoch_; }
  [[nodiscard]] std::size_t step() const noexcept override { return step_; }
  [[nodiscard]] std::uint64_t iterations() const noexcept override { return iterations_; }
  [[nodiscard]] std::size_t steps_per_epoch() const noexcept override { return data_.steps(); }
  [[nodiscard]] const std::vector<Averages>& history() const noexcept override { return history_; }
  [[nodiscard]] const std::vector<Averages>& validation_history() const noexcept override { return validation_history_; }
  [[nodiscard]] const std::vector<double>& objectives() const noexcept override { return objective_.epochs(); }
  [[nodiscard]] Averages running() const override { return sums_.averages(settings_.heads); }

  [[nodiscard]] std::string explain() override {
    const std::shared_lock lock(network_.mutex());
    const std::size_t rows = fitted_rows_ != 0 ? fitted_rows_ : plan_->capacity();
    const plan::TeamCost team = cost(rows, fitted_rows_ != 0 ? plan::Occasion::run : plan::Occasion::call);
    const int planned = plan::choose_threads(team);
    return plan::explain(plan_->program(), network_.parameters(),
                         {team, text(fitted_rows_ != 0 ? "the last fit's batches of " : "single batches of up to ", rows, " rows"),
                          pace_.planned() > 1 ? pace_.explain() : "", pace_.planned() == planned ? pace_.kept() : planned}) +
           optimizer_.explain();
  }

  void bind(const Dataset& data, std::size_t batch_size, bool shuffle, const std::optional<Dataset>& validation) override {
    const Busy busy(busy_);
    check(data);
    if (validation) check(*validation);
    if (batch_size == 0) throw std::invalid_argument("fit: expected a batch size of 1 or more, got 0");
    const std::unique_lock lock(network_.mutex());
    BoundData bound(data, batch_size, shuffle, validation);
    std::vector<double> entries = mean_entries(data.x);
    std::vector<bool> sparse = sparse_inputs(data.x);
    const std::size_t rows = bound.batch_size();
    if (plan_->capacity() != rows || sparse != plan_->sparse()) use(make_plan(with_loss_, rows, std::move(sparse)));
    fitted_rows_ = rows;
    mean_entries_ = std::move(entries);
    data_ = std::move(bound);
    step_ = 0;
    sums_.clear();
    objective_.clear();
    history_.clear();
    validation_history_.clear();
  }

  void set_groups(const std::vector<std::string>& frozen, const std::map<std::string, double>& factors) override {
    const Busy busy(busy_);
    const std::unique_lock lock(network_.mutex());
    for (const std::string& name : frozen) static_cast<void>(network_.parameters().find(name));
    for (const auto& [name, factor] : factors) static_cast<void>(network_.parameters().find(name));
    const std::set<std::string> names(frozen.begin(), frozen.end());
    if (names != frozen_ || factors != factors_) train_parameters(names, factors, plan_->capacity(), plan_->sparse());
  }

  void unbind() override {
    const Busy busy(busy_);
    data_ = {};
  }

  TrainerState state() override {
    const Busy busy(busy_);
    TrainerState state{epoch_, step_, iterations_, sums_, {}, {}};
    save_optimizer(optimizer_, network_.parameters(), state);
    return state;
  }

  void set_state(const TrainerState& state) override {
    const Busy busy(busy_);
    if (state.step != 0 && state.step >= steps_per_epoch()) {
      throw std::invalid_argument(text("state: expected a step below ", steps_per_epoch(), ", got ", state.step));
    }
    Sums sums = state.sums;
    std::size_t metrics = 0;
    for (const HeadSettings& head : settings_.heads) metrics += head.metrics.by_row().size();
    require_sums("losses", settings_.heads.size(), sums.losses.size());
    require_sums("metrics", metrics, sums.metrics.size());
    require_sums("heads", settings_.heads.size(), sums.collected.size());
    for (std::size_t i = 0; i < sums.collected.size(); ++i) sums.collected[i].check(settings_.heads[i].metrics);
    load_optimizer(optimizer_, network_.parameters(), state);
    epoch_ = state.epoch;
    step_ = state.step;
    iterations_ = state.iterations;
    sums_ = std::move(sums);
  }

  RunStatus run(const RunLimits& limits, StopSignal stop) override {
    const Busy busy(busy_);
    if (data_.empty()) throw Error("run: expected data, got none bound");
    const std::unique_lock lock(network_.mutex());
    if (epoch_ >= limits.epoch) return RunStatus::epoch;
    const Clock::time_point started = Clock::now();
    make_room(data_.x(), data_.batch_size(), data_.most_entries());
    const plan::TeamCost team = cost(data_.batch_size(), plan::Occasion::run);
    const int planned = plan::choose_threads(team);
    const bool forced = forced_threads() > 0;
    if (pace_.planned() != planned) pace_ = Pace(planned);
    for (;;) {
      Run run(limits, stop, started, forced ? planned : pace_.threads());
      if (!forced) run.stretch = pace_.stretch();
      divide(run, team, data_.batch_size());
      if (data_.validation()) evaluator_.prepare(*data_.validation(), run.threads);
      run.team([&](int thread) { train(run, thread); });
      if (run.failed()) raise(run, "fit", data_.batch(step_));
      pace_.report(seconds_between(run.began, Clock::now()) - run.validating, static_cast<double>(run.steps));
      if (run.status) return *run.status;
    }
  }

  Averages train_on_batch(const Dataset& batch) override {
    const Busy busy(busy_);
    check(batch);
    const std::unique_lock lock(network_.mutex());
    make_room(batch.x, batch.rows(), entries_of(batch.x, {0, batch.rows()}));
    mean_entries_ = mean_entries(batch.x);
    const plan::TeamCost team = cost(batch.rows(), plan::Occasion::call);
    Run run({}, {}, Clock::now(), plan::choose_threads(team));
    divide(run, team, batch.rows());
    const Batch rows = batch_of(batch, {}, batch.rows());
    run.team([&](int thread) { run_batch(run, thread, rows); });
    if (run.failed()) raise(run, "train_on_batch", rows);
    commit_step();
    Sums sums;
    sums.add(settings_.heads, plan_->rows(), batch.rows(), penalty_);
    return sums.averages(settings_.heads);
  }

  Averages evaluate(const Dataset& data) override {
    const Busy busy(busy_);
    check(data);
    const std::shared_lock lock(network_.mutex());
    const int threads = plan::choose_threads(evaluator_.cost(data));
    evaluator_.prepare(data, threads);
    run_team(threads, [&](int thread) {
      profile::count_step();
      evaluator_.run(data, thread, threads);
    });
    return evaluated(data);
  }

  std::optional<LossAndGradients> loss_and_gradients(const Dataset& data, StopSignal stop) override {
    const Busy busy(busy_);
    check(data);
    const std::unique_lock lock(network_.mutex());
    const std::size_t block = std::min(data.rows(), FullGradient<T>::kRows);
    make_room(data.x, block, most_entries(data.x, block));
    mean_entries_ = mean_entries(data.x);
    const plan::TeamCost team = cost(block, plan::Occasion::call);
    Run run({}, stop, Clock::now(), plan::choose_threads(team));
    divide(run, team, block);
    FullGradient<T> full(*plan_, network_.parameters(), settings_.heads, data, random());
    run.team([&](int thread) { full.run(run, thread); });
    if (run.failed()) raise(run, "loss_and_gradients", full.block());
    if (!full.done()) return std::nullopt;
    return LossAndGradients{full.loss() + penalty(), full.gradients()};
  }

  [[nodiscard]] std::vector<std::pair<std::string, Tensor>> ema_parameters() override {
    const Busy busy(busy_);
    const std::shared_lock lock(network_.mutex());
    const plan::Parameters<T>& all = network_.parameters();
    const std::vector<plan::PanelMatrix<T>>& average = optimizer_.update().average;
    std::vector<std::pair<std::string, Tensor>> result;
    for (std::size_t i = 0; i < average.size(); ++i) {
      const bool frozen = frozen_.count(all[i].name) != 0 || average[i].empty();
      result.emplace_back(all[i].name, frozen ? all.get(i) : all.from_master(i, average[i]));
    }
    return result;
  }

 private:
  /// Trains all parameters but those `frozen` from now on: their gradients, the optimizer's state for them and a plan.
  void train_parameters(std::set<std::string> frozen, std::map<std::string, double> factors, std::size_t rows,
                        std::vector<bool> sparse) {
    LossGraph with_loss = forward_;
    with_loss.differentiate(frozen);
    const plan::Request& request = with_loss.request;
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < request.parameters.size(); ++i) {
      if (request.gradients[i] == graph::kNone) continue;  // running statistics
      numbers.push_back(network_.parameters().find(with_loss.graph.node(request.parameters[i]).name));
    }
    std::vector<double> of_parameters(network_.parameters().size(), 1.0);
    for (const auto& [name, factor] : factors) of_parameters[network_.parameters().find(name)] = factor;
    auto plan = make_plan(with_loss, rows, std::move(sparse));
    optimizer_.train(network_.parameters(), numbers, of_parameters);
    use(std::move(plan));
    with_loss_ = std::move(with_loss);
    frozen_ = std::move(frozen);
    factors_ = std::move(factors);
  }

  /// The metrics are told the width of what they count.
  static TrainerSettings with_outputs(TrainerSettings settings, const std::vector<std::size_t>& outputs) {
    for (std::size_t i = 0; i < std::min(settings.heads.size(), outputs.size()); ++i) {
      settings.heads[i].metrics.outputs = outputs[i];
    }
    return settings;
  }

  void set_penalties() {
    std::vector<plan::Penalty>& penalties = optimizer_.update().penalties;
    if (!settings_.penalties.empty()) penalties.resize(network_.parameters().size());
    for (const auto& [name, penalty] : settings_.penalties) penalties[network_.parameters().find(name)] = penalty;
  }

  [[nodiscard]] double penalty() noexcept { return plan::penalty_value(network_.parameters(), optimizer_.update().penalties); }

  [[nodiscard]] Averages evaluated(const Dataset& data) {
    Averages averages = evaluator_.result(data);
    averages.loss += penalty();
    return averages;
  }

  /// Before the first step there are none.
  static void require_sums(const char* what, std::size_t expected, std::size_t got) {
    if (got != 0 && got != expected)
      throw std::invalid_argument(text("state: expected the sums of ", expected, " ", what, ", got ", got));
  }

  [[nodiscard]] plan::TeamCost cost(std::size_t rows, plan::Occasion occasion) {
    return {plan::work_of(plan_->program(), rows, network_.parameters(), optimizer_.update(), mean_entries_), occasion};
  }

  /// A plan, where there is none yet, and memory for a batch of such features.
  void make_room(std::span<const Feature> x, std::size_t rows, std::span<const std::size_t> entries) {
    std::vector<bool> sparse = sparse_inputs(x);
    if (plan_->capacity() < rows || sparse != plan_->sparse()) use(make_plan(with_loss_, rows, std::move(sparse)));
    plan_->reserve_entries(x, entries);
  }

  [[nodiscard]] std::unique_ptr<BatchPlan<T>> make_plan(const LossGraph& graph, std::size_t rows, std::vector<bool> sparse) {
    return std::make_unique<BatchPlan<T>>(graph, network_.parameters(), settings_.heads, rows, std::move(sparse));
  }

  void use(std::unique_ptr<BatchPlan<T>> plan) {
    std::vector<double> of_objective(plan->tiles());
    std::vector<double> of_gradients(plan->tiles());
    objective_.set_squares(std::move(of_objective));
    optimizer_.gradients().squares = std::move(of_gradients);
    plan_ = std::move(plan);
  }

  /// The team's schedule, and its members' shares of the parameters.
  void divide(Run& run, const plan::TeamCost& team, std::size_t rows) {
    run.schedule = team.schedule(run.threads);
    plan_->share_among(run.threads, rows, run.schedule, network_.parameters(), optimizer_.update());
  }

  /// Refuses metrics that a head cannot have.
  void check(const HeadSettings& head, const plan::Head& nodes, graph::NodeId output) const {
    const Shape& of_target = forward_.graph.node(nodes.target).shape;
    const Shape& of_output = forward_.graph.node(output).shape;
    if (!head.metrics.metrics.empty() && !head.labels() && of_target != of_output) {
      throw std::invalid_argument(text("metrics: expected none for targets of another width than the predictions', got ",
                                       graph::shape_text(of_target), " and ", graph::shape_text(of_output)));
    }
    head.metrics.check();
  }

  void check(const Dataset& data) const {
    const auto refuse = [](const char* what, std::size_t expected, std::size_t got) {
      throw std::invalid_argument(text("fit: expected ", expected, " ", what, ", got ", got));
    };
    check_features(data.x, network_.features(), "fit");
    if (data.rows() == 0) throw std::invalid_argument("fit: expected at least one row, got none");
    if (data.weight && data.weight->rows != data.rows()) refuse("sample weights", data.rows(), data.weight->rows);
    if (data.y.size() != settings_.heads.size()) refuse("targets", settings_.heads.size(), data.y.size());
    for (std::size_t i = 0; i < data.y.size(); ++i) {
      const ArrayView& y = data.y[i].array;
      const bool labels = settings_.heads[i].labels();
      if (y.rows != data.rows()) refuse("rows of targets", data.rows(), y.rows);
      const std::size_t columns = labels ? 1 : plan_->program().targets[i].columns;
      if (data.y[i].labels != labels || y.columns != columns) refuse("columns of targets", columns, y.columns);
    }
  }

  [[nodiscard]] RandomKey random() const noexcept { return {settings_.seed, iterations_}; }

  /// One step, both phases: on return of the last thread the parameters are updated, or none is where the run has failed.
  void run_batch(Run& run, int thread, Batch batch) {
    // The place in the epoch and in an update moves on once thread 0 is through its tiles: it is read before the barrier.
    const plan::NextRows next = data_.rows_of(step_ + 1, thread, run.threads);
    const bool ends = optimizer_.ends_update();
    const plan::GradientPass pass{optimizer_.begins_update(), optimizer_.clips() && ends, true};
    const double weight = batch.total;
    profile::count_step();
    if (thread == 0) {
      optimizer_.prepare(weight);  // read in the second phase only
      penalty_ = penalty();
    }
    objective_.measure(network_.parameters(), plan_->tiles_of(thread));
    batch.total /= settings_.optimizer.objective.loss_scale;
    plan_->run_rows(run, thread, network_.parameters(), batch, random());
    if (run.failed()) return;
    if (thread == 0) objective_.add(plan_->rows(), batch.rows, weight);
    update(run, plan_->values(thread, batch.rows), pass, ends, plan_->tiles_of(thread), next);
    if (thread == 0 && !run.failed()) plan_->update_running(network_.parameters(), batch.rows);
  }

  /// The parameter phase.
  void update(Run& run, const plan::BatchValues<T>& values, plan::GradientPass pass, bool ends,
              std::span<const plan::BoundTile<T>> tiles, const plan::NextRows& next) {
    const plan::Parameters<T>& parameters = network_.parameters();
    const plan::Program<T>& program = plan_->program();
    if (!optimizer_.keeps_gradients()) {
      return plan::run_tiles(program, parameters, optimizer_.update(), values, tiles, next);
    }
    plan::run_gradients(program, parameters, optimizer_.gradients(), pass, values, tiles, next);
    if (!ends) return;
    double norm = 0;
    if (pass.measure) {
      plan::wait_at(run.barrier);
      norm = optimizer_.gradients().norm();
      if (!std::isfinite(norm)) return run.fail(Failure::overflowed);  // so does every thread
    }
    plan::run_updates(program, parameters, optimizer_.update(), optimizer_.gradients(), optimizer_.gradient_scale(norm), tiles);
  }

  void train(Run& run, int thread) {
    if (thread == 0) order_epoch();
    plan::wait_at(run.barrier);
    while (run.next != Next::stop && !run.failed()) {
      const Batch rows = data_.batch(step_);
      run_batch(run, thread, rows);
      if (run.failed()) return;
      // The others read the place in the epoch before the first barrier and after the second, so it may move on between them.
      if (thread == 0) finish_step(run, rows.rows);
      plan::wait_at(run.barrier);
      if (run.next != Next::validate || run.failed()) continue;
      evaluator_.run(*data_.validation(), thread, run.threads);
      plan::wait_at(run.barrier);
      if (run.failed()) return;
      if (thread == 0) finish_epoch(run);
      plan::wait_at(run.barrier);
    }
  }

  void order_epoch() { data_.order_for(settings_.seed, epoch_); }

  void commit_step() noexcept {
    ++iterations_;
    optimizer_.commit();
  }

  void finish_step(Run& run, std::size_t rows) {
    sums_.add(settings_.heads, plan_->rows(), rows, penalty_);
    commit_step();
    ++step_;
    ++run.steps;
    if (profile::listening()) [[unlikely]]
      show(rows);
    run.next = Next::step;
    if (step_ == steps_per_epoch()) {
      if (!data_.validation()) return finish_epoch(run);
      run.next = Next::validate;
      run.validation_began = Clock::now();
      return;
    }
    if (run.limits.step != 0 && step_ >= run.limits.step) return end(run, RunStatus::step);
    look_around(run);
  }

  /// The loss of the epoch so far, and the rows of all steps that were shown, for profiles.
  void show(std::size_t rows) {
    rows_shown_ += rows;
    profile::sample(profile::loss_value, sums_.averages(settings_.heads).loss);
    profile::sample(profile::rows_so_far, static_cast<double>(rows_shown_));
  }

  void finish_epoch(Run& run) {
    if (data_.validation()) {
      validation_history_.push_back(evaluated(*data_.validation()));
      run.validating += seconds_between(run.validation_began, Clock::now());
    }
    history_.push_back(sums_.averages(settings_.heads));
    objective_.finish_epoch(data_.rows());
    sums_.clear();
    step_ = 0;
    ++epoch_;
    run.next = Next::step;
    if (epoch_ >= run.limits.epoch) return end(run, RunStatus::epoch);
    look_around(run);
    if (run.next == Next::step) order_epoch();
  }

  static void end(Run& run, RunStatus status) {
    run.next = Next::stop;
    run.status = status;
  }

  void look_around(Run& run) {
    if (run.stop.raised()) return end(run, RunStatus::interrupted);
    if (optimizer_.needs_lrs()) return end(run, RunStatus::time);
    if (!run.glances.due()) return;
    const Clock::time_point now = Clock::now();
    if (seconds_between(run.started, now) >= run.limits.seconds) return end(run, RunStatus::time);
    if (seconds_between(run.began, now) >= run.stretch) {
      run.next = Next::stop;
      return;
    }
    run.glances.looked(now);
  }

  /// What a run has failed of at this batch.
  void raise(Run& run, const char* operation, const Batch& batch) {
    if (run.has(Failure::nonfinite)) throw_nonfinite(batch.data.x, kDType<T>, batch.selection, {0, batch.rows}, operation);
    if (run.has(Failure::bad_label)) {
      throw std::invalid_argument(text(operation, ": expected labels from 0 below the number of outputs, got another"));
    }
    if (!run.known.load()) throw_unknown(operation);
    optimizer_.drop_gradients();
    const bool overflowed = run.has(Failure::overflowed);
    const std::string where = overflowed ? plan_->overflowed_parameter(network_.parameters(), optimizer_.gradients())
                                         : plan_->diverged_layer(run, network_.parameters(), batch, random(), settings_.heads);
    throw TrainingDiverged(text("training diverged: the ", overflowed ? "norm of the gradients" : "loss",
                                " is NaN or infinite at step ", iterations_, ", first in ", where),
                           static_cast<std::int64_t>(iterations_), where);
  }

  std::shared_ptr<Network> owner_;
  NetworkOf<T>& network_;
  TrainerSettings settings_;
  LossGraph forward_;
  LossGraph with_loss_;           // and the gradients
  std::set<std::string> frozen_;  // parameters that are not trained
  std::map<std::string, double> factors_;
  Optimizer<T> optimizer_;
  Objective<T> objective_;
  std::unique_ptr<BatchPlan<T>> plan_;
  double penalty_ = 0;  // of the step under way
  Evaluator<T> evaluator_;

  BoundData data_;
  std::size_t fitted_rows_ = 0;       // of the batches that were bound last
  std::vector<double> mean_entries_;  // of the data trained with last

  std::uint64_t epoch_ = 0;
  std::size_t step_ = 0;
  std::uint64_t iterations_ = 0;
  std::size_t rows_shown_ = 0;
  Sums sums_;
  std::vector<Averages> history_;
  std::vector<Averages> validation_history_;
  Pace pace_;
  std::atomic_flag busy_;
};

}  // namespace

std::unique_ptr<Trainer> Trainer::make(std::shared_ptr<Network> network, const graph::Graph& graph,
                                       const std::vector<graph::NodeId>& inputs, const std::vector<graph::NodeId>& outputs,
                                       const TrainerSettings& settings) {
  if (graph.dtype() != network->dtype()) {
    throw TypeError(text("trainer: expected a graph of ", name_of(network->dtype()), ", got ", name_of(graph.dtype())));
  }
  if (graph.dtype() == DType::float32)
    return std::make_unique<TrainerOf<float>>(std::move(network), graph, inputs, outputs, settings);
  return std::make_unique<TrainerOf<double>>(std::move(network), graph, inputs, outputs, settings);
}

}  // namespace chainrule::train
