// How many threads a team has for some work: the number with which, by this estimate, it takes least time,
//   seconds(n) = (row work max(rows of a thread, 4) / rows + tile work / n) / rate + start + n member + (n - 1) / n bytes /
//   bandwidth.
// The bits do not depend on it, so an estimate is enough.
#pragma once

#include "base/threads.h"
#include "kernels/table.h"
#include "plan/execute.h"

namespace chainrule::plan {

/// The work of a batch, in FLOP, and what the threads of a team must tell each other about it.
struct Work {
  double row_flops = 0;     // the row phase
  double tile_flops = 0;    // the gradients
  double update_flops = 0;  // the updates: not their FLOP but those that the products do meanwhile
  double shared_bytes = 0;  // what one thread writes and all others read before the next batch
  double rate = 1;          // FLOP a second of one thread
  std::size_t rows = 0;
  std::size_t grain = 1;  // rows that one thread takes together

  [[nodiscard]] double flops() const noexcept { return row_flops + tile_flops; }
};

/// The work of a batch of `rows` rows: all of the row phase, and with an update the parameter phase.
template <class T>
[[nodiscard]] Work work_of(const Program<T>& program, std::size_t rows);
template <class T>
[[nodiscard]] Work work_of(const Program<T>& program, std::size_t rows, const Parameters<T>& parameters, const Update<T>& update);

/// FLOP a second of one thread's products, by the instruction set.
template <class T>
[[nodiscard]] double rate_of(const kernels::Tables& tables) noexcept;

/// Who comes to the work: threads that train for many steps, or ones that a call wakes for this work alone.
enum class Occasion : std::uint8_t { run, call };

/// Seconds that a team needs beside its work.
struct TeamWaits {
  double start;      // of a region
  double member;     // of each member, in a step's barriers
  double bandwidth;  // bytes a second of memory that another thread has just written
};

/// A thread that takes fewer rows than these needs as long as for these: it reads all weights for them. 256-256-256-256 and
/// 784-512-256-10, prediction of 1, 2, 5, 8 and 16 rows: 6.6, 6.7, 10.1, 16.1, 28.4 and 20, 22, 26, 38, 72 us (Zen 5, AVX-512,
/// 2026-11).
inline constexpr std::size_t kFewRows = 4;

class TeamCost {
 public:
  TeamCost(const Work& work, Occasion occasion) noexcept;

  [[nodiscard]] const Work& work() const noexcept { return work_; }
  [[nodiscard]] double seconds(int threads) const noexcept;
  /// What of it the team waits in barriers and, for a call, to begin; and what it takes to read each other's writes.
  [[nodiscard]] double waiting(int threads) const noexcept;
  [[nodiscard]] double reading(int threads) const noexcept;
  /// The least team, up to `most`, that needs least time, if it is enough faster than one thread; else 1.
  [[nodiscard]] int best(int most) const noexcept;
  /// Whether more threads than one can pay at all, however many there are.
  [[nodiscard]] bool may_pay() const noexcept;
  /// The FLOP (of work as this) from which a second thread pays.
  [[nodiscard]] double pays_from() const noexcept;

 private:
  Work work_;
  TeamWaits waits_;
};

/// The team for the work within the limits in force, or the one that override_threads forces.
[[nodiscard]] int choose_threads(const TeamCost& cost);

}  // namespace chainrule::plan
