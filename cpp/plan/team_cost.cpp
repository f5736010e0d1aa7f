#include "plan/team_cost.h"

#include <algorithm>
#include <utility>

namespace chainrule::plan {

namespace {

// Fitted to nets of widths 2 to 784 and batches 1 to 1024 with one thread and two, Zen 5, 2 cores, AVX-512, 2026-11
// (docs/decisions.md). For a run between cores that share a cache: where they do not, it finds its team too large and takes a
// smaller one (train/pace.h), but never a larger one.
constexpr TeamWaits kRun = {0, 0.13e-6, 25e9};
// For a call between cores that do not, where a flag takes three times as long: nothing corrects its choice. A start includes
// waking.
constexpr TeamWaits kCall = {5e-6, 0.67e-6, 12e9};

// Of a step by rows: after the row phase, after the updates, after thread 0's look at the clock.
constexpr int kStepBarriers = 3;

// A team must be this much faster than one thread, or it is only trouble for others.
constexpr double kBetter = 0.95;
// And columns must save so much more than they cost: the parts are estimated no better (digits: 2.0 us saved and 1.8 lost by the
// estimate, 2 us lost in fact; 129-129-129-10, batch 32: 2.9 saved and 2.5 lost, 1.5 saved in fact).
constexpr double kSure = 1.15;

// A batch of one row is one thread's: it alone reads what the others wrote, a third of the time (256-256-256-256 and
// 784-512-256-10).
constexpr double kOneReader = 1.0 / 3;

// Bytes of values count for less than those of weights, which are read for a thread's few rows at a time (the same nets by both
// schedules, and digits, tabular, mnist_s and mnist_m).
constexpr double kValueBytes = 0.4;

// FLOP a second and lane, float and double alike: of 64-64-64-64 and 256-256-256-256, batch 32, 13.9 with AVX-512 and 14.6 with
// AVX2 (Zen 5, 2026-11). An emulated fma takes as long whatever the lanes: 1.3 GFLOP/s in float, 1.7 in double (same processor).
constexpr double kRateOfLane = 14e9;
constexpr double kRateEmulated = 1.5e9;

// An update takes as long as 12 FLOP of products for each array that it reads or writes, the transposed copy included: SGD 23 in
// all, Adam 49 (Zen 5, AVX-512, 2026-11; 11 to 69 with the other instruction sets).
constexpr double kUpdateFlops = 12;

}  // namespace

template <class T>
double rate_of(const kernels::Tables& tables) noexcept {
  return tables.fused ? kRateOfLane * static_cast<double>(tables.lanes<T>()) : kRateEmulated;
}

template <class T>
Work work_of(const Program<T>& program, std::size_t rows, MeanEntries entries) {
  Work work;
  work.rows = rows;
  work.rate = rate_of<T>(*program.tables);
  work.row_flops = program.row_flops(entries) * static_cast<double>(rows);
  return work;
}

template <class T>
Work work_of(const Program<T>& program, std::size_t rows, const Parameters<T>& parameters, const Update<T>& update,
             MeanEntries entries) {
  // What a sparse input's rows hold: values and the columns that they are in.
  const auto sparse_bytes = [&](std::size_t input) {
    return static_cast<double>(rows * (sizeof(T) + sizeof(std::int32_t))) * (input < entries.size() ? entries[input] : 0);
  };
  Work work = work_of(program, rows, entries);
  work.tile_flops = program.gradient_flops(entries) * static_cast<double>(rows);
  for (const GradientTask& task : program.gradients) {
    const Parameter<T>& parameter = parameters[task.parameter];
    const auto size = static_cast<double>(parameter.rows * parameter.columns);
    const int copies = parameter.value.empty() || parameter.transposed.empty() ? 1 : 2;
    const double update_work = kUpdateFlops * size * (copies + update.arrays());
    work.update_flops += update_work;
    work.shared_bytes += sizeof(T) * size * copies * (rows == 1 ? kOneReader : 1);
    // A weight's gradient sums over all rows of both its sides; a bias's over one that its weight's has read.
    const std::size_t columns = task.kind == GradientTask::Kind::sum ? 0 : task.x.columns + task.dz.columns;
    const double of_input = task.input == kNoInput ? 0 : sparse_bytes(task.input);
    const double values = kValueBytes * (static_cast<double>(sizeof(T) * columns * rows) + of_input);
    work.shared_bytes += values;
    const std::size_t pieces = (parameter.master_rows() + kTileRows - 1) / kTileRows * parameter.master_panels();
    work.tasks.push_back(
        {task.flops(entries) * static_cast<double>(rows) + update_work, parameter.master_panels(), pieces, values});
  }
  work.steps.reserve(program.steps.size());
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const RowStep<T>& step = program.steps[i];
    Work::Step& add = work.steps.emplace_back();
    add.flops = step.flops(entries) * static_cast<double>(rows);
    add.panels = panels_to_share(step);
    add.rewrites = rewrites(program.steps, i);
    add.whole_batch = takes_whole_batch(step.kind);
    add.value_bytes = kValueBytes * static_cast<double>(sizeof(T) * rows * step.a.columns);
    if (step.weight == kNoParameter) continue;
    const auto row_bytes = static_cast<double>(sizeof(T) * parameters[step.weight].columns);
    add.weight_bytes = row_bytes * static_cast<double>(parameters[step.weight].rows);
    add.own_weights = step.kind == StepKind::dense || step.kind == StepKind::sparse_dense;
    if (step.input == kNoInput) continue;
    add.value_bytes = kValueBytes * sparse_bytes(step.input);
    if (step.input < entries.size()) {  // no more weights than there are entries
      add.weight_bytes = std::min(add.weight_bytes, row_bytes * entries[step.input] * static_cast<double>(rows));
    }
  }
  return work;
}

TeamCost::TeamCost(Work work, Occasion occasion) noexcept
    : work_(std::move(work)), waits_(occasion == Occasion::run ? kRun : kCall) {}

double TeamCost::most_rows(int threads) const noexcept {
  const auto n = static_cast<std::size_t>(threads);
  const std::size_t grains = (work_.rows + work_.grain - 1) / work_.grain;
  const std::size_t mine = std::max(std::min((grains + n - 1) / n * work_.grain, work_.rows), kFewRows);
  return static_cast<double>(mine) / static_cast<double>(std::max<std::size_t>(work_.rows, 1));
}

TeamTime TeamCost::time(int threads, double flops, int barriers, double bytes) const noexcept {
  TeamTime time;
  time.working = flops / work_.rate;
  if (threads == 1) return time;
  time.waiting = waits_.start + threads * waits_.member * barriers;
  time.bytes = bytes;
  time.reading = bytes / waits_.bandwidth * (threads - 1) / threads;
  return time;
}

TeamTime TeamCost::by_rows(int threads) const noexcept {
  const double flops = work_.row_flops * most_rows(threads) + (work_.tile_flops + work_.update_flops) / threads;
  const auto whole = std::count_if(work_.steps.begin(), work_.steps.end(), [](const Work::Step& step) { return step.whole_batch; });
  return time(threads, flops, kStepBarriers + 2 * static_cast<int>(whole), work_.shared_bytes);
}

TeamTime TeamCost::by_columns(int threads) const noexcept {
  // The thread with most of several pieces takes the rounded up part.
  const auto most = [n = static_cast<std::size_t>(threads)](std::size_t pieces) {
    const std::size_t mine = (pieces + n - 1) / n;
    return static_cast<double>(mine) / static_cast<double>(pieces);
  };
  double flops = 0;
  double bytes = 0;
  int barriers = kStepBarriers;
  ColumnWalk walk(threads);
  for (const Work::Task& task : work_.tasks) {
    flops += task.flops * (task.pieces >= static_cast<std::size_t>(threads) ? most(task.pieces) : 1.0 / threads);
    // Values of as many panels as can be shared, a thread has written or read before.
    if (!walk.by_panels(task.panels)) bytes += task.value_bytes;
  }
  for (const Work::Step& step : work_.steps) {
    const auto [by_panels, waits] = walk.next(step.panels, step.rewrites, step.whole_batch);
    if (waits) ++barriers;
    flops += step.flops * (by_panels ? most(step.panels) * most_rows(1) : most_rows(threads));
    if (waits) bytes += step.value_bytes / (by_panels ? 1 : threads);
    if (!by_panels || !step.own_weights) bytes += step.weight_bytes;
  }
  return time(threads, flops, barriers, bytes);
}

TeamTime TeamCost::time(int threads, Schedule schedule) const noexcept {
  return schedule == Schedule::rows ? by_rows(threads) : by_columns(threads);
}

Schedule TeamCost::schedule(int threads) const noexcept {
  if (const std::optional<Schedule> forced = forced_schedule(); forced && !work_.steps.empty()) return *forced;
  const auto has_panels = [walk = ColumnWalk(threads)](const Work::Step& step) { return walk.by_panels(step.panels); };
  if (threads == 1 || std::none_of(work_.steps.begin(), work_.steps.end(), has_panels)) return Schedule::rows;
  const TeamTime rows = by_rows(threads);
  const TeamTime columns = by_columns(threads);
  double saved = 0;
  double lost = 0;
  for (double TeamTime::*const part : {&TeamTime::working, &TeamTime::waiting, &TeamTime::reading}) {
    saved += std::max(rows.*part - columns.*part, 0.0);
    lost += std::max(columns.*part - rows.*part, 0.0);
  }
  return saved > kSure * lost ? Schedule::columns : Schedule::rows;
}

bool TeamCost::may_pay() const noexcept {
  const TeamTime two = time(2);
  return two.waiting + two.reading < kBetter * seconds(1);
}

int TeamCost::best(int most) const noexcept {
  int best = 1;
  double least = kBetter * seconds(1);
  for (int threads = 2; threads <= most; ++threads) {
    const double time = seconds(threads);
    if (time >= least) continue;
    best = threads;
    least = time;
  }
  return best;
}

double TeamCost::pays_from() const noexcept {
  const TeamTime two = time(2);
  return (two.waiting + two.reading) / (kBetter - 0.5) * work_.rate;
}

int choose_threads(const TeamCost& cost) {
  if (const int forced = forced_threads(); forced > 0) return forced;
  if (!cost.may_pay()) return 1;  // spares the look at the limits
  return cost.best(max_threads());
}

template Work work_of(const Program<float>&, std::size_t, MeanEntries);
template Work work_of(const Program<double>&, std::size_t, MeanEntries);
template Work work_of(const Program<float>&, std::size_t, const Parameters<float>&, const Update<float>&, MeanEntries);
template Work work_of(const Program<double>&, std::size_t, const Parameters<double>&, const Update<double>&, MeanEntries);
template double rate_of<float>(const kernels::Tables&) noexcept;
template double rate_of<double>(const kernels::Tables&) noexcept;

}  // namespace chainrule::plan
