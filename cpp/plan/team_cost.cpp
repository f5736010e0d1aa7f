#include "plan/team_cost.h"

#include <algorithm>

namespace chainrule::plan {

namespace {

// Fitted to nets of widths 2 to 784 and batches 1 to 1024 with one thread and two, Zen 5, 2 cores, AVX-512, 2026-11
// (docs/decisions.md). For a run between cores that share a cache: where they do not, it finds its team too large and takes a
// smaller one (train/pace.h), but never a larger one.
constexpr TeamWaits kRun = {0, 0.4e-6, 25e9};
// For a call between cores that do not, where a flag takes three times as long: nothing corrects its choice. A start includes
// waking.
constexpr TeamWaits kCall = {5e-6, 2e-6, 12e9};

// A team must be this much faster than one thread, or it is only trouble for others.
constexpr double kBetter = 0.95;

// A batch of one row is one thread's: it alone reads what the others wrote, a third of the time (256-256-256-256 and
// 784-512-256-10).
constexpr double kOneReader = 1.0 / 3;

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
Work work_of(const Program<T>& program, std::size_t rows) {
  Work work;
  work.rows = rows;
  work.rate = rate_of<T>(*program.tables);
  work.row_flops = program.row_flops() * static_cast<double>(rows);
  return work;
}

template <class T>
Work work_of(const Program<T>& program, std::size_t rows, const Parameters<T>& parameters, const Update<T>& update) {
  Work work = work_of(program, rows);
  work.tile_flops = program.gradient_flops() * static_cast<double>(rows);
  for (const GradientTask& task : program.gradients) {
    const Parameter<T>& parameter = parameters[task.parameter];
    const auto size = static_cast<double>(parameter.rows * parameter.columns);
    const int copies = parameter.value.empty() || parameter.transposed.empty() ? 1 : 2;
    const int moments = (update.first.empty() ? 0 : 1) + (update.second.empty() ? 0 : 1);
    work.update_flops += kUpdateFlops * size * (copies + moments);
    work.shared_bytes += sizeof(T) * size * copies * (rows == 1 ? kOneReader : 1);
    // A weight's gradient sums over all rows of both its sides; a bias's over one that its weight's has read.
    const std::size_t columns = task.x.columns == 0 ? 0 : task.x.columns + task.dz.columns;
    work.shared_bytes += static_cast<double>(sizeof(T) * columns * rows);
  }
  return work;
}

TeamCost::TeamCost(const Work& work, Occasion occasion) noexcept : work_(work), waits_(occasion == Occasion::run ? kRun : kCall) {}

double TeamCost::waiting(int threads) const noexcept { return threads == 1 ? 0 : waits_.start + threads * waits_.member; }

double TeamCost::reading(int threads) const noexcept { return work_.shared_bytes / waits_.bandwidth * (threads - 1) / threads; }

double TeamCost::seconds(int threads) const noexcept {
  const auto n = static_cast<std::size_t>(threads);
  const std::size_t grains = (work_.rows + work_.grain - 1) / work_.grain;
  const std::size_t mine = std::max(std::min((grains + n - 1) / n * work_.grain, work_.rows), kFewRows);
  const double share = static_cast<double>(mine) / static_cast<double>(std::max<std::size_t>(work_.rows, 1));
  const double flops = work_.row_flops * share + (work_.tile_flops + work_.update_flops) / threads;
  return flops / work_.rate + waiting(threads) + reading(threads);
}

bool TeamCost::may_pay() const noexcept { return waiting(2) + reading(2) < kBetter * seconds(1); }

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

double TeamCost::pays_from() const noexcept { return (waiting(2) + reading(2)) / (kBetter - 0.5) * work_.rate; }

int choose_threads(const TeamCost& cost) {
  if (const int forced = forced_threads(); forced > 0) return forced;
  if (!cost.may_pay()) return 1;  // spares the look at the limits
  return cost.best(max_threads());
}

template Work work_of(const Program<float>&, std::size_t);
template Work work_of(const Program<double>&, std::size_t);
template Work work_of(const Program<float>&, std::size_t, const Parameters<float>&, const Update<float>&);
template Work work_of(const Program<double>&, std::size_t, const Parameters<double>&, const Update<double>&);
template double rate_of<float>(const kernels::Tables&) noexcept;
template double rate_of<double>(const kernels::Tables&) noexcept;

}  // namespace chainrule::plan
