#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/fp_environment.h"
#include "graph/differentiate.h"
#include "plan/explain.h"
#include "train/objective.h"
#include "train/pace.h"
#include "train/run.h"
#include "train/shuffle.h"

namespace chainrule::train {
namespace {

// Data of up to this size stays in a core's own cache; of a next batch no more is asked for than leaves room for the work under
// way.
constexpr std::size_t kNearBytes = std::size_t{512} * 1024;
constexpr std::size_t kMostBytesAhead = std::size_t{512} * 1024;

// Rows whose gradients are one chain of sums when the gradient of a whole data set is asked for: the blocks' are added in order.
constexpr std::size_t kGradientRows = 1024;

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
        batch_(0, settings_.heads),
        evaluator_(network_, settings_.heads) {
    for (std::size_t i = 0; i < settings_.heads.size(); ++i) check(settings_.heads[i], with_loss_.request.heads[i], outputs[i]);
    set_penalties();
    const std::unique_lock lock(network_.mutex());
    differentiate();
    plan_for(1, std::vector<bool>(inputs.size()));
  }

  [[nodiscard]] double lr() const noexcept override { return optimizer_.lr(); }
  void set_lr(double lr) override { optimizer_.set_lr(lr); }
  void set_lrs(std::vector<double> lrs) override { optimizer_.set_lrs(std::move(lrs)); }
  [[nodiscard]] std::uint64_t epoch() const noexcept override { return epoch_; }
  [[nodiscard]] std::size_t step() const noexcept override { return step_; }
  [[nodiscard]] std::uint64_t iterations() const noexcept override { return iterations_; }
  [[nodiscard]] std::size_t steps_per_epoch() const noexcept override {
    return batch_size_ == 0 ? 0 : (data_.rows() + batch_size_ - 1) / batch_size_;
  }
  [[nodiscard]] const std::vector<Averages>& history() const noexcept override { return history_; }
  [[nodiscard]] const std::vector<Averages>& validation_history() const noexcept override { return validation_history_; }
  [[nodiscard]] const std::vector<double>& objectives() const noexcept override { return objective_.epochs(); }
  [[nodiscard]] Averages running() const override { return sums_.averages(settings_.heads); }

  [[nodiscard]] std::string explain() override {
    const std::shared_lock lock(network_.mutex());
    const std::size_t rows = fitted_rows_ != 0 ? fitted_rows_ : program_.capacity;
    const plan::TeamCost team = cost(rows, fitted_rows_ != 0 ? plan::Occasion::run : plan::Occasion::call);
    const int planned = plan::choose_threads(team);
    return plan::explain(program_, network_.parameters(),
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
    const std::size_t rows = std::min(batch_size, data.rows());
    std::vector<bool> sparse = sparse_inputs(data.x);
    if (program_.capacity != rows || sparse != sparse_) plan_for(rows, std::move(sparse));
    batch_size_ = fitted_rows_ = rows;
    most_entries_ = most_entries(data.x, batch_size_);
    mean_entries_ = mean_entries(data.x);
    data_ = data;
    validation_ = validation;
    order_.assign(shuffle ? data.rows() : 0, 0);
    ordered_ = false;
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
    std::set<std::string> names(frozen.begin(), frozen.end());
    if (names == frozen_ && factors == factors_) return;
    frozen_ = std::move(names);
    factors_ = factors;
    differentiate();
    plan_for(program_.capacity, sparse_);
  }

  void unbind() override {
    const Busy busy(busy_);
    data_ = {};
    validation_.reset();
    batch_size_ = 0;
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
    load_optimizer(optimizer_, network_.parameters(), state);
    epoch_ = state.epoch;
    step_ = state.step;
    iterations_ = state.iterations;
    sums_ = std::move(sums);
    ordered_ = false;
  }

  RunStatus run(const RunLimits& limits, StopSignal stop) override {
    const Busy busy(busy_);
    if (batch_size_ == 0) throw Error("run: expected data, got none bound");
    const std::unique_lock lock(network_.mutex());
    if (epoch_ >= limits.epoch) return RunStatus::epoch;
    const Clock::time_point started = Clock::now();
    make_room(data_.x, batch_size_, most_entries_);
    const plan::TeamCost team = cost(batch_size_, plan::Occasion::run);
    const int planned = plan::choose_threads(team);
    const bool forced = forced_threads() > 0;
    if (pace_.planned() != planned) pace_ = Pace(planned);
    for (;;) {
      Run run(limits, stop, started, forced ? planned : pace_.threads());
      if (!forced) run.stretch = pace_.stretch();
      run.schedule = team.schedule(run.threads);
      make_hints(run.threads);
      shares_ = plan::share_tiles(tiles_, batch_size_, run.threads, run.schedule);
      if (validation_) evaluator_.prepare(*validation_, run.threads);
      run_team(run.threads, [&](int thread) { train(run, thread); });
      raise(run);
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
    run.schedule = team.schedule(run.threads);
    make_hints(run.threads);
    shares_ = plan::share_tiles(tiles_, batch.rows(), run.threads, run.schedule);
    Sums sums;
    run_team(run.threads, [&](int thread) {
      run_batch(run, thread, batch, {}, batch.rows());
      if (thread == 0 && !run.failed()) sums.add(settings_.heads, batch_, batch.rows(), penalty_);
    });
    raise(run, "train_on_batch", batch, {}, batch.rows());
    commit_step();
    return sums.averages(settings_.heads);
  }

  Averages evaluate(const Dataset& data) override {
    const Busy busy(busy_);
    check(data);
    const std::shared_lock lock(network_.mutex());
    const int threads = plan::choose_threads(evaluator_.cost(data));
    evaluator_.prepare(data, threads);
    run_team(threads, [&](int thread) { evaluator_.run(data, thread, threads); });
    return evaluated();
  }

  std::optional<LossAndGradients> loss_and_gradients(const Dataset& data, StopSignal stop) override {
    const Busy busy(busy_);
    check(data);
    const std::unique_lock lock(network_.mutex());
    const std::size_t all_rows = data.rows();
    const std::size_t block = std::min(all_rows, kGradientRows);
    make_room(data.x, block, most_entries(data.x, block));
    mean_entries_ = mean_entries(data.x);
    plan::Gradients<T> gradients;
    gradients.sums.resize(network_.parameters().size());
    for (const plan::GradientTask& task : program_.gradients) {
      const plan::Parameter<T>& parameter = network_.parameters()[task.parameter];
      gradients.sums[task.parameter] = plan::PanelMatrix<T>(parameter.master_rows(), parameter.master_columns());
    }
    const plan::TeamCost team = cost(block, plan::Occasion::call);
    Run run({}, stop, Clock::now(), plan::choose_threads(team));
    run.schedule = team.schedule(run.threads);
    make_hints(run.threads);
    shares_ = plan::share_tiles(tiles_, block, run.threads, run.schedule);
    const double total = total_weight(data, {}, all_rows);
    Sums sums;
    Selection place;
    const auto rows_at = [&](std::size_t first) { return std::min(block, all_rows - first); };
    run_team(run.threads, [&](int thread) {
      while (run.next == Next::step) {
        const std::size_t rows = rows_at(place.first);
        run_row_phase(run, thread, data, place, rows, total);
        if (run.failed()) return;
        plan::GradientPass pass{place.first == 0, false, {}};
        if (pass.replace) pass.penalties = optimizer_.update().penalties;
        plan::run_gradients(program_, network_.parameters(), gradients, pass, batch_values(thread, rows), tiles_of(thread));
        run.barrier.wait();
        if (thread == 0) {
          sums.add(settings_.heads, batch_, rows);
          place.first += rows;
          if (place.first == all_rows || run.stop.raised()) run.next = Next::stop;
        }
        run.barrier.wait();
      }
    });
    if (run.failed()) raise(run, "loss_and_gradients", data, place, rows_at(place.first));
    if (place.first < all_rows) return std::nullopt;
    LossAndGradients result;
    result.loss = sums.averages(settings_.heads).loss + penalty();
    for (const plan::GradientTask& task : program_.gradients) {
      const plan::Parameters<T>& all = network_.parameters();
      result.gradients.emplace_back(all[task.parameter].name, all.from_master(task.parameter, gradients.sums[task.parameter]));
    }
    return result;
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
  /// From the forward graph to the gradients of the parameters that are trained, and the optimizer's state for them.
  void differentiate() {
    with_loss_ = forward_;
    with_loss_.differentiate(frozen_);
    const plan::Request& request = with_loss_.request;
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < request.parameters.size(); ++i) {
      if (request.gradients[i] == graph::kNone) continue;  // running statistics
      numbers.push_back(network_.parameters().find(with_loss_.graph.node(request.parameters[i]).name));
    }
    std::vector<double> factors(network_.parameters().size(), 1.0);
    for (const auto& [name, factor] : factors_) factors[network_.parameters().find(name)] = factor;
    optimizer_.train(network_.parameters(), numbers, factors);
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

  [[nodiscard]] Averages evaluated() {
    Averages averages = evaluator_.result();
    averages.loss += penalty();
    return averages;
  }

  /// Before the first step there are none.
  static void require_sums(const char* what, std::size_t expected, std::size_t got) {
    if (got != 0 && got != expected)
      throw std::invalid_argument(text("state: expected the sums of ", expected, " ", what, ", got ", got));
  }

  [[nodiscard]] plan::TeamCost cost(std::size_t rows, plan::Occasion occasion) {
    return {plan::work_of(program_, rows, network_.parameters(), optimizer_.update(), mean_entries_), occasion};
  }

  /// A plan, where there is none yet, and memory for a batch of such features.
  void make_room(std::span<const Feature> x, std::size_t rows, std::span<const std::size_t> entries) {
    std::vector<bool> sparse = sparse_inputs(x);
    if (program_.capacity < rows || sparse != sparse_) plan_for(rows, std::move(sparse));
    reserve(batch_.x, x, rows, entries);
  }

  /// Where sparse rows' entries are: of each thread, one for each row, and a cache line beside.
  void make_hints(int threads) {
    const bool sparse = std::find(sparse_.begin(), sparse_.end(), true) != sparse_.end();
    if (sparse) hints_.resize((program_.capacity + kCacheLine) * static_cast<std::size_t>(threads));
  }
  [[nodiscard]] std::span<std::size_t> hints(int thread) noexcept {
    if (hints_.empty()) return {};
    const std::size_t all = program_.capacity + kCacheLine;
    return std::span(hints_).subspan(all * static_cast<std::size_t>(thread), program_.capacity);
  }

  void plan_for(std::size_t rows, std::vector<bool> sparse) {
    hints_.clear();

    plan::Request request = with_loss_.request;
    request.sparse = sparse;
    program_ = plan::make_program<T>(with_loss_.graph, request, network_.parameters(), rows);
    sparse_ = std::move(sparse);
    tiles_ = plan::make_tiles(program_, network_.parameters());
    objective_.plan_for(tiles_.size());
    optimizer_.gradients().squares.assign(tiles_.size(), 0.0);
    workspace_ = Buffer<T>(program_.workspace);
    batch_ = BatchRows<T>(rows, settings_.heads);
  }

  /// Refuses metrics that a head cannot have.
  void check(const HeadSettings& head, const plan::Head& nodes, graph::NodeId output) const {
    const Shape& of_target = with_loss_.graph.node(nodes.target).shape;
    const Shape& of_output = with_loss_.graph.node(output).shape;
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
      const std::size_t columns = labels ? 1 : program_.targets[i].columns;
      if (data.y[i].labels != labels || y.columns != columns) refuse("columns of targets", columns, y.columns);
    }
  }

  [[nodiscard]] plan::RowContext<T> context(Run& run) {
    plan::RowContext<T> rows;
    rows.workspace = workspace_.data();
    rows.sparse = batch_.x;
    rows.heads = batch_.rows;
    rows.random_seed = settings_.seed;
    rows.random_step = iterations_;
    rows.known = &run.known;
    return rows;
  }

  /// One step, both phases: on return of the last thread the parameters are updated, or none is where the run has failed.
  void run_batch(Run& run, int thread, const Dataset& data, Selection selection, std::size_t rows) {
    // The place in the epoch and in an update moves on once thread 0 is through its tiles: it is read before the barrier.
    const plan::NextRows next = next_rows(thread, run.threads);
    const bool ends = optimizer_.ends_update();
    const plan::GradientPass pass{optimizer_.begins_update(), optimizer_.clips() && ends, optimizer_.update().penalties};
    const double total = total_weight(data, selection, rows);
    if (thread == 0) {
      optimizer_.prepare(total);  // read in the second phase only
      penalty_ = penalty();
    }
    objective_.measure(program_, network_.parameters(), tiles_, shares_[static_cast<std::size_t>(thread)]);
    run_row_phase(run, thread, data, selection, rows, total / settings_.optimizer.objective.loss_scale);
    if (run.failed()) return;
    if (thread == 0) objective_.add(batch_, rows, total);
    update(run, batch_values(thread, rows), pass, ends, tiles_of(thread), next);
    if (thread == 0 && !run.failed()) plan::update_running(program_, network_.parameters(), workspace_.data(), rows);
  }

  /// The parameter phase.
  void update(Run& run, const plan::BatchValues<T>& values, plan::GradientPass pass, bool ends,
              std::span<const plan::ParameterTile> tiles, const plan::NextRows& next) {
    plan::Parameters<T>& parameters = network_.parameters();
    if (!optimizer_.keeps_gradients()) {
      return plan::run_tiles(program_, parameters, optimizer_.update(), values, tiles, next);
    }
    plan::run_gradients(program_, parameters, optimizer_.gradients(), pass, values, tiles, next);
    if (!ends) return;
    double norm = 0;
    if (pass.measure) {
      run.barrier.wait();
      norm = optimizer_.gradients().norm();
      if (!std::isfinite(norm)) return run.diverged.store(true, std::memory_order_relaxed);  // so does every thread
    }
    plan::run_updates(program_, parameters, optimizer_.update(), optimizer_.gradients(), optimizer_.gradient_scale(norm), tiles);
  }

  /// What the parameter phase reads of the batch.
  [[nodiscard]] plan::BatchValues<T> batch_values(int thread, std::size_t rows) noexcept {
    return {workspace_.data(), batch_.x, hints(thread), rows};
  }

  [[nodiscard]] std::span<const plan::ParameterTile> tiles_of(int thread) const noexcept {
    const Range tiles = shares_[static_cast<std::size_t>(thread)];
    return std::span(tiles_).subspan(tiles.begin, tiles.end - tiles.begin);
  }

  /// Forward, loss and backward on the batch's rows, whose weights are divided by `total`, and the barrier after it.
  void run_row_phase(Run& run, int thread, const Dataset& data, Selection selection, std::size_t rows, double total) {
    const Range mine = share(rows, thread, run.threads);
    const Gathered gathered = gather(program_, data, selection, mine, total, workspace_.data(), batch_);
    if (!gathered.labelled) run.bad_label.store(true, std::memory_order_relaxed);
    if (!gathered.finite) run.nonfinite.store(true, std::memory_order_relaxed);
    if (run.schedule == plan::Schedule::columns) {
      plan::run_columns(program_, network_.parameters(), context(run), rows, {thread, run.threads, run.barrier});
    } else {
      plan::run_rows(program_, network_.parameters(), context(run), rows, {thread, run.threads, run.barrier});
    }
    for (const auto& head : batch_.heads) {
      for (std::size_t i = mine.begin; i < mine.end; ++i) {
        if (!std::isfinite(head.loss[i])) run.diverged.store(true, std::memory_order_relaxed);
      }
    }
    run.barrier.wait();
  }

  /// This thread's rows of the epoch's next batch, where they are worth asking for.
  [[nodiscard]] plan::NextRows next_rows(int thread, int threads) const noexcept {
    if (data_.x.empty() || data_.x[0].sparse) return {};  // a single batch; rows of no fixed length
    const ArrayView& x = data_.x[0].array;
    const std::size_t element = kernels::size_of(x.type);
    const std::size_t bytes = x.columns * element;
    const std::size_t first = (step_ + 1) * batch_size_;
    const bool consecutive = x.column_stride == static_cast<std::ptrdiff_t>(element);
    if (first >= x.rows || x.rows * bytes <= kNearBytes || !consecutive) return {};
    const Range mine = share(std::min(batch_size_, x.rows - first), thread, threads);
    const Selection rows{order_.empty() ? nullptr : order_.data(), first + mine.begin};
    const RowSource from = source_of(x, rows);
    return {static_cast<const char*>(from.data), x.row_stride, from.index, std::min(mine.end - mine.begin, kMostBytesAhead / bytes),
            bytes};
  }

  [[nodiscard]] Selection selection() const noexcept { return {order_.empty() ? nullptr : order_.data(), step_ * batch_size_}; }
  [[nodiscard]] std::size_t batch_rows() const noexcept { return std::min(batch_size_, data_.rows() - step_ * batch_size_); }

  void train(Run& run, int thread) {
    if (thread == 0) serially(run, [&] { order_epoch(); });
    run.barrier.wait();
    while (run.next != Next::stop) {
      const std::size_t rows = batch_rows();
      run_batch(run, thread, data_, selection(), rows);
      if (run.failed()) return;
      // The others read the place in the epoch before the first barrier and after the second, so it may move on between them.
      if (thread == 0) serially(run, [&] { finish_step(run, rows); });
      run.barrier.wait();
      if (run.next != Next::validate) continue;
      evaluator_.run(*validation_, thread, run.threads);
      run.barrier.wait();
      if (thread == 0) serially(run, [&] { finish_epoch(run); });
      run.barrier.wait();
    }
  }

  /// Thread 0's work between barriers. An exception must not keep it from the next barrier, where the others wait.
  template <class Work>
  static void serially(Run& run, const Work& work) noexcept {
    try {
      work();
    } catch (...) {
      run.error.capture();
      run.next = Next::stop;
    }
  }

  void order_epoch() {
    if (ordered_ || order_.empty()) return;
    shuffle_order(order_, settings_.seed, epoch_);
    ordered_ = true;
  }

  void commit_step() noexcept {
    ++iterations_;
    optimizer_.commit();
  }

  void finish_step(Run& run, std::size_t rows) {
    sums_.add(settings_.heads, batch_, rows, penalty_);
    commit_step();
    ++step_;
    ++run.steps;
    run.next = Next::step;
    if (step_ == steps_per_epoch()) {
      if (!validation_) return finish_epoch(run);
      run.next = Next::validate;
      run.validation_began = Clock::now();
      return;
    }
    if (run.limits.step != 0 && step_ >= run.limits.step) return end(run, RunStatus::step);
    look_around(run);
  }

  void finish_epoch(Run& run) {
    if (validation_) {
      validation_history_.push_back(evaluated());
      run.validating += seconds_between(run.validation_began, Clock::now());
    }
    history_.push_back(sums_.averages(settings_.heads));
    objective_.finish_epoch(data_.rows());
    sums_.clear();
    step_ = 0;
    ++epoch_;
    ordered_ = false;
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

  void raise(Run& run) {
    run.error.rethrow();
    if (run.failed()) raise(run, "fit", data_, selection(), batch_rows());
  }

  void raise(Run& run, const char* operation, const Dataset& data, Selection selection, std::size_t rows) {
    if (run.nonfinite.load()) {
      throw_nonfinite(data.x, kDType<T>, selection, {0, rows}, operation);
    }
    if (run.bad_label.load()) {
      throw std::invalid_argument(text(operation, ": expected labels from 0 below the number of outputs, got another"));
    }
    if (!run.known.load()) throw_unknown(operation);
    if (run.diverged.load()) {
      optimizer_.drop_gradients();
      const std::string layer = diverged_layer(run, data, selection, rows);
      throw TrainingDiverged(text("training diverged: the loss is NaN or infinite at step ", iterations_, ", first in ", layer),
                             static_cast<std::int64_t>(iterations_), layer);
    }
  }

  /// Takes the batch through the row phase again, one step at a time: the parameters are as they were, and so are all values.
  std::string diverged_layer(Run& replay, const Dataset& data, Selection selection, std::size_t rows) {
    const FpEnvironment environment;
    static_cast<void>(gather(program_, data, selection, {0, rows}, total_weight(data, selection, rows), workspace_.data(), batch_));
    for (std::size_t i = 0; i < program_.steps.size(); ++i) {
      plan::run_steps(program_, network_.parameters(), context(replay), {0, rows}, i, i + 1);
      const plan::RowStep<T>& step = program_.steps[i];
      const kernels::Panels<T> out = plan::panels_of(program_, step.out, workspace_.data());
      for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t column = 0; column < step.out.columns; ++column) {
          if (!std::isfinite(*out.at(row, column))) return step.layer.empty() ? step.operation : step.layer;
        }
      }
    }
    for (std::size_t i = 0; i < settings_.heads.size(); ++i) {
      const auto& losses = batch_.heads[i].loss;
      const bool finite = std::all_of(losses.data(), losses.data() + rows, [](T loss) { return std::isfinite(loss); });
      if (!finite) return std::string(settings_.heads[i].loss->name());
    }
    return std::string(settings_.heads[0].loss->name());
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
  std::vector<bool> sparse_;  // the inputs that program_ is for
  plan::Program<T> program_;
  std::vector<plan::ParameterTile> tiles_;
  std::vector<Range> shares_;  // of tiles, by thread
  Buffer<T> workspace_;
  BatchRows<T> batch_;
  double penalty_ = 0;  // of the step under way
  std::vector<std::size_t> hints_;
  Evaluator<T> evaluator_;

  Dataset data_;
  std::optional<Dataset> validation_;
  std::size_t batch_size_ = 0;
  std::size_t fitted_rows_ = 0;            // batch_size_ when last bound
  std::vector<std::size_t> most_entries_;  // of a batch of data_, by input
  std::vector<double> mean_entries_;       // of the data trained with last
  std::vector<std::int64_t> order_;        // empty: rows in their own order
  bool ordered_ = false;                   // order_ is that of the epoch under way

  std::uint64_t epoch_ = 0;
  std::size_t step_ = 0;
  std::uint64_t iterations_ = 0;
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
