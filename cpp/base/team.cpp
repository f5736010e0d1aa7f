#include "base/team.h"

#include <omp.h>
#include <pthread.h>

#include <thread>
#include <vector>

#include "base/error.h"
#include "base/fp_environment.h"

namespace chainrule {
namespace {

// Spinning costs nothing while every member has a CPU (a step's barriers are microseconds apart); past about 20 us of pauses a
// member has lost its CPU, and sleeping lets it have ours.
constexpr int kSpins = 4000;

std::atomic<bool> g_forked{false};

// libgomp keeps its pool in the thread that opened a region. After fork() that pool's threads are gone, and a region opened by the
// surviving thread waits for them for ever; one opened by a thread born in the child makes a pool of its own.
const int kForkHandler = pthread_atfork(nullptr, nullptr, [] { g_forked.store(true, std::memory_order_relaxed); });

inline void pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// The thread sanitizer does not see how libgomp orders the start and the end of a region; it does see plain threads.
#if defined(__SANITIZE_THREAD__)
constexpr bool kPlainThreads = true;
#else
constexpr bool kPlainThreads = false;
#endif

// The members of a team wait for each other, so a team with fewer threads than asked for (OMP_THREAD_LIMIT, a nested region) would
// hang: then plain threads stand in.
void run_region(int threads, void (*body)(void*, int), void* context) {
  ErrorCarrier carrier;
  const auto member = [&](int thread) noexcept {
    const FpEnvironment environment;
    try {
      body(context, thread);
    } catch (...) {
      carrier.capture();
    }
  };
  bool complete = true;
#pragma omp parallel num_threads(threads) if (!kPlainThreads)
  {
    if (!kPlainThreads && omp_get_num_threads() == threads) {
      member(omp_get_thread_num());
    } else if (omp_get_thread_num() == 0) {
      complete = false;
    }
  }
  if (!complete) {
    std::vector<std::thread> others;
    others.reserve(static_cast<std::size_t>(threads) - 1);
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(member, thread);
    member(0);
    for (std::thread& other : others) other.join();
  }
  carrier.rethrow();
}

}  // namespace

bool Barrier::arrive(std::uint32_t generation) noexcept {
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 != members_) return false;
  arrived_.store(left_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  generation_.store(generation + 1, std::memory_order_release);
  generation_.notify_all();
  return true;
}

void Barrier::wait() noexcept {
  if (members_ == 1) return;
  const std::uint32_t generation = generation_.load(std::memory_order_relaxed);
  if (arrive(generation)) return;
  for (int spin = 0; spin < kSpins; ++spin) {
    if (generation_.load(std::memory_order_acquire) != generation) return;
    pause();
  }
  while (generation_.load(std::memory_order_acquire) == generation) generation_.wait(generation, std::memory_order_acquire);
}

void Barrier::leave() noexcept {
  const std::uint32_t generation = generation_.load(std::memory_order_relaxed);
  left_.fetch_add(1, std::memory_order_relaxed);  // seen by the last to arrive, which this arrival comes before
  arrive(generation);
}

void run_team(int threads, void (*body)(void*, int), void* context) {
  if (threads <= 1) {
    const FpEnvironment environment;
    body(context, 0);
    return;
  }
  if (!g_forked.load(std::memory_order_relaxed)) {
    run_region(threads, body, context);
    return;
  }
  ErrorCarrier carrier;
  std::thread helper([&] {
    try {
      run_region(threads, body, context);
    } catch (...) {
      carrier.capture();
    }
  });
  helper.join();
  carrier.rethrow();
}

int openmp_version() noexcept { return _OPENMP; }

int openmp_max_threads() noexcept { return omp_get_max_threads(); }

}  // namespace chainrule
