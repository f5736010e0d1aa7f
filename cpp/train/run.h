// What a call into the training loop shares among its threads.
#pragma once

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

enum class Next { step, validate, stop };

/// What the members of one team share. Plain members are written by thread 0 between barriers.
struct Run {
  Run(const RunLimits& run_limits, StopSignal signal, Clock::time_point call, int team)
      : limits(run_limits), stop(signal), threads(team), barrier(team), started(call), began(Clock::now()), looked(began) {}
  [[nodiscard]] bool failed() const noexcept {
    return diverged.load(std::memory_order_relaxed) || bad_label.load(std::memory_order_relaxed) ||
           nonfinite.load(std::memory_order_relaxed);
  }

  RunLimits limits;
  StopSignal stop;
  int threads;
  plan::Schedule schedule = plan::Schedule::rows;
  Barrier barrier;
  std::atomic<bool> diverged{false};
  std::atomic<bool> bad_label{false};
  std::atomic<bool> nonfinite{false};  // features
  ErrorCarrier error;
  Next next = Next::step;
  std::optional<RunStatus> status;  // none: only this team's stretch is over
  double stretch = std::numeric_limits<double>::infinity();
  std::size_t steps = 0;
  double validating = 0;      // seconds
  Clock::time_point started;  // the call
  Clock::time_point began;    // this team
  Clock::time_point looked;
  Clock::time_point validation_began;
  std::size_t steps_until_look = 1;
  std::size_t steps_between_looks = 1;
};

}  // namespace chainrule::train
