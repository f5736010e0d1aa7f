// Ctrl-C while a fit runs: a handler that counts interrupts and then calls the one that was there (Python's own), for as long as at
// least one guard lives, in whatever thread.
#pragma once

#include "train/trainer.h"

namespace chainrule::bind {

class InterruptGuard {
 public:
  /// Needs the GIL. Installs the counting handler where a handler of Python's is in place; leaves SIG_IGN and SIG_DFL alone.
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Needs the GIL. Installs the handler again where somebody has put Python's own back meanwhile.
  static void renew();
  /// The interrupts so far are dealt with.
  void forget() noexcept;
  [[nodiscard]] train::StopSignal signal() const noexcept { return signal_; }

 private:
  train::StopSignal signal_;
};

}  // namespace chainrule::bind
