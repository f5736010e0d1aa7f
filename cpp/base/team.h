// Teams of threads: one parallel region, a barrier inside it, and nothing else. team.cpp is the only file with an OpenMP pragma.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/buffer.h"

namespace chainrule {

/// A central barrier that spins for a bounded time and then sleeps, since machines are shared.
class Barrier {
 public:
  explicit Barrier(int members) noexcept : members_(members) {}
  /// Returns when all members have arrived; what each wrote before is visible to all after.
  void wait() noexcept;
  /// The calling member arrives here and at every later wait of the others, without waiting itself: to be called once, by a member
  /// that will not come back.
  void leave() noexcept;

 private:
  bool arrive(std::uint32_t generation) noexcept;

  alignas(kCacheLine) std::atomic<int> arrived_{0};
  std::atomic<int> left_{0};
  alignas(kCacheLine) std::atomic<std::uint32_t> generation_{0};
  int members_;
};

/// Calls `body(context, thread)` for thread = 0 .. threads - 1 at once; thread 0 is the caller, except in a forked child.
/// An exception in any thread is rethrown here; the floating-point state is the contract's inside, the caller's after.
/// With more than one thread a member that throws must leave the barriers that others wait at.
void run_team(int threads, void (*body)(void* context, int thread), void* context);

template <class Body>
void run_team(int threads, Body&& body) {
  run_team(
      threads, [](void* context, int thread) { (*static_cast<std::remove_reference_t<Body>*>(context))(thread); },
      static_cast<void*>(&body));
}

/// The date of the OpenMP specification that the runtime follows, as its _OPENMP macro gives it.
[[nodiscard]] int openmp_version() noexcept;
/// What OpenMP would give the calling thread: OMP_NUM_THREADS, or what threadpoolctl set.
[[nodiscard]] int openmp_max_threads() noexcept;

/// The half-open part of `count` items that falls to one of `parts` equal, consecutive shares.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;
};
[[nodiscard]] constexpr Range share(std::size_t count, int part, int parts) noexcept {
  if (parts == 1) return {0, count};  // without divisions: a step of the smallest nets would notice them
  const auto p = static_cast<std::size_t>(part);
  const auto n = static_cast<std::size_t>(parts);
  return {count * p / n, count * (p + 1) / n};
}

}  // namespace chainrule
