// What a call into the training loop shares among its threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/team.h"
#include "plan/execute.h"
#include "train/trainer.h"

namespace chainrule::train {

using Clock = std::chrono::steady_clock;

inline double seconds_between(Clock::time_point then, Clock::time_point now) {
  return std::chrono::duration<double>(now - then).count();
}

/// A trainer is one thread's at a time.
class Busy {
 public:
  explicit Busy(std::atomic_flag& flag) : flag_(flag) {
    if (flag_.test_and_set(std::memory_order_acquire))
      throw Error("fit: expected a model at rest, got one that is training in another thread");
  }
  ~Busy() { flag_.clear(std::memory_order_release); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::atomic_flag& flag_;
};

/// When thread 0 looks at the clock: often enough to keep a deadline to a millisecond, seldom enough to cost nothing (a look takes
/// about 25 ns, a step of the smallest nets 100).
class Glances {
 public:
  explicit Glances(Clock::time_point now) : last_(now) {}
  /// To be asked once each step.
  [[nodiscard]] bool due() noexcept { return --steps_left_ == 0; }
  void looked(Clock::time_point now) noexcept {
    if (now - last_ < kInterval / 2) {
      steps_ = std::min(2 * steps_, kMostSteps);
    } else if (now - last_ > kInterval) {
      steps_ = std::max<std::size_t>(steps_ / 2, 1);
    }
    last_ = now;
    steps_left_ = steps_;
  }

 private:
  static constexpr auto kInterval = std::chrono::milliseconds(1);
  static constexpr std::size_t kMostSteps = 1024;

  Clock::time_point last_;
  std::size_t steps_left_ = 1;
  std::size_t steps_ = 1;  // between two looks
};

enum class Next { step, validate, stop };

/// What can be wrong with a batch, as bits.
enum class Failure : unsigned {
  nonfinite = 1,  // features
  bad_label = 2,
  diverged = 4,    // losses
  overflowed = 8,  // the gradients' norm
};

/// What the members of one team share. Plain members are written by thread 0 between barriers.
struct Run {
  Run(const RunLimits& run_limits, StopSignal signal, Clock::time_point call, int team)
      : limits(run_limits), stop(signal), threads(team), barrier(team), started(call), began(Clock::now()), glances(began) {}
  void fail(Failure failure) noexcept { failures.fetch_or(static_cast<unsigned>(failure), std::memory_order_relaxed); }
  [[nodiscard]] bool has(Failure failure) const noexcept { return (failures.load() & static_cast<unsigned>(failure)) != 0; }
  /// Whether something went wrong in a thread; to be asked after a barrier.
  [[nodiscard]] bool failed() const noexcept {
    return failures.load(std::memory_order_relaxed) != 0 || !known.load(std::memory_order_relaxed) || !error.empty();
  }
  /// Runs body(thread) in a team. Whoever returns or throws leaves the barrier, so that nobody waits for it.
  template <class Body>
  void team(const Body& body) {
    run_team(threads, [&](int thread) {
      const profile::Span span(profile::training_loop);
      try {
        body(thread);
      } catch (...) {
        error.capture();
      }
      barrier.leave();
    });
    error.rethrow();
  }

  RunLimits limits;
  StopSignal stop;
  int threads;
  plan::Schedule schedule = plan::Schedule::rows;
  Barrier barrier;
  std::atomic<unsigned> failures{0};
  std::atomic<bool> known{true};  // numbers of embeddings
  ErrorCarrier error;
  Next next = Next::step;
  std::optional<RunStatus> status;  // none: only this team's stretch is over
  double stretch = std::numeric_limits<double>::infinity();
  std::size_t steps = 0;
  double validating = 0;      // seconds
  Clock::time_point started;  // the call
  Clock::time_point began;    // this team
  Clock::time_point validation_began;
  Glances glances;
};

}  // namespace chainrule::train
