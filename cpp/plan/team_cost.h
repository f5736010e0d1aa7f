// How many threads a team has for some work, and how they share it out: what takes least time by this estimate,
//   seconds(n) = flops of the busiest / rate + start + n member barriers + (n - 1) / n bytes / bandwidth,
// in which the schedules differ in barriers and in the bytes that one thread writes and another reads. The bits depend on neither,
// so an estimate is enough.
#pragma once

#include <vector>

#include "base/threads.h"
#include "kernels/table.h"
#include "plan/execute.h"

namespace chainrule::plan {

/// The work of a batch, in FLOP, and what the threads of a team must tell each other about it.
struct Work {
  /// A step of the row phase, for a team by columns.
  struct Step {
    double flops = 0;
    std::size_t panels = 0;    // panels_to_share
    bool rewrites = false;     // what the step before has written
    double value_bytes = 0;    // the values that a thread reads for any panel, at what they count
    double weight_bytes = 0;   // the weights that all of its panels read
    bool own_weights = false;  // each panel reads those that its own thread updates
    bool whole_batch = false;  // it takes all rows at once
  };

  /// A parameter's gradient and update, likewise.
  struct Task {
    double flops = 0;
    std::size_t panels = 0;  // of the parameter
    std::size_t pieces = 0;  // that it can be cut into
    double value_bytes = 0;  // the values that its gradient reads
  };

  double row_flops = 0;     // the row phase
  double tile_flops = 0;    // the gradients
  double update_flops = 0;  // the updates: not their FLOP but those that the products do meanwhile
  double shared_bytes = 0;  // by rows: what one thread writes and all others read before the next batch
  double rate = 1;          // FLOP a second of one thread
  std::size_t rows = 0;
  std::size_t grain = 1;    // rows that one thread takes together
  std::vector<Step> steps;  // none: only by rows
  std::vector<Task> tasks;

  [[nodiscard]] double flops() const noexcept { return row_flops + tile_flops; }
};

/// The work of a batch of `rows` rows: all of the row phase, and with an update the parameter phase.
template <class T>
[[nodiscard]] Work work_of(const Program<T>& program, std::size_t rows, MeanEntries entries = {});
template <class T>
[[nodiscard]] Work work_of(const Program<T>& program, std::size_t rows, const Parameters<T>& parameters, const Update<T>& update,
                           MeanEntries entries = {});

/// FLOP a second of one thread's products, by the instruction set.
template <class T>
[[nodiscard]] double rate_of(const kernels::Tables& tables) noexcept;

/// Who comes to the work: threads that train for many steps, or ones that a call wakes for this work alone.
enum class Occasion : std::uint8_t { run, call };

/// Seconds that a team needs beside its work.
struct TeamWaits {
  double start;      // of a region
  double member;     // of each member, in a barrier
  double bandwidth;  // bytes a second of memory that another thread has just written
};

/// A thread that takes fewer rows than these needs as long as for these: it reads all weights for them. 256-256-256-256 and
/// 784-512-256-10, prediction of 1, 2, 5, 8 and 16 rows: 6.6, 6.7, 10.1, 16.1, 28.4 and 20, 22, 26, 38, 72 us (Zen 5, AVX-512,
/// 2026-11).
inline constexpr std::size_t kFewRows = 4;

/// Seconds of a team's step.
struct TeamTime {
  double working = 0;
  double waiting = 0;  // in barriers and, for a call, to begin
  double reading = 0;  // what another has written
  double bytes = 0;    // of that
  [[nodiscard]] double seconds() const noexcept { return working + waiting + reading; }
};

class TeamCost {
 public:
  TeamCost(Work work, Occasion occasion) noexcept;

  [[nodiscard]] const Work& work() const noexcept { return work_; }
  /// The schedule that takes less time, or the one that override_schedule forces; what it takes, and what another would.
  [[nodiscard]] Schedule schedule(int threads) const noexcept;
  [[nodiscard]] TeamTime time(int threads) const noexcept { return time(threads, schedule(threads)); }
  [[nodiscard]] TeamTime time(int threads, Schedule schedule) const noexcept;
  [[nodiscard]] double seconds(int threads) const noexcept { return time(threads).seconds(); }
  /// The least team, up to `most`, that needs least time, if it is enough faster than one thread; else 1.
  [[nodiscard]] int best(int most) const noexcept;
  /// Whether more threads than one can pay at all, however many there are.
  [[nodiscard]] bool may_pay() const noexcept;
  /// The FLOP (of work as this) from which a second thread pays.
  [[nodiscard]] double pays_from() const noexcept;

 private:
  [[nodiscard]] TeamTime by_rows(int threads) const noexcept;
  [[nodiscard]] TeamTime by_columns(int threads) const noexcept;
  /// The part of the batch that the thread with most rows has.
  [[nodiscard]] double most_rows(int threads) const noexcept;
  [[nodiscard]] TeamTime time(int threads, double flops, int barriers, double bytes) const noexcept;

  Work work_;
  TeamWaits waits_;
};

/// The team for the work within the limits in force, or the one that override_threads forces.
[[nodiscard]] int choose_threads(const TeamCost& cost);

}  // namespace chainrule::plan
