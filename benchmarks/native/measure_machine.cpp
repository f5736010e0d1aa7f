#include <algorithm>
#include <stdexcept>

#include "base/buffer.h"
#include "base/error.h"
#include "base/team.h"
#include "measurements.h"
#include "profile/machine_loops.h"

namespace chainrule::bench {

using profile::MachineLoops;

namespace {

constexpr std::size_t kPasses = 500000;  // of chains in a call: a few ms, beside which a parallel region is nothing

void measure_fma(const Options& options, const MachineLoops& loops, int threads, Report& report) {
  volatile double sink = 0;
  for (const std::string& dtype : options.dtypes) {
    const bool f32 = dtype == "f32";
    const Spread time = time_of(options.seconds, [&] {
      run_team(threads, [&](int thread) {
        const double sum = f32 ? static_cast<double>(loops.fma_f32(kPasses)) : loops.fma_f64(kPasses);
        if (thread == 0) sink = sum;
      });
    });
    const double flops = (f32 ? loops.flops_f32 : loops.flops_f64) * static_cast<double>(kPasses) * threads;
    report.add({{"measure", "fma"}, {"dtype", dtype}, {"threads", threads}}, time, flops);
  }
}

// Three arrays of `bytes` together, shared by the threads as a parallel loop shares them.
void measure_triad(const Options& options, const MachineLoops& loops, int threads, std::size_t bytes, Report& report) {
  constexpr std::size_t kStep = 64;  // elements: threads share no cache line, and every share holds whole vectors
  const std::size_t blocks = bytes / (3 * sizeof(double) * kStep);
  Buffer<double> a(blocks * kStep);
  Buffer<double> b(blocks * kStep);
  Buffer<double> c(blocks * kStep);
  const Spread time = time_of(options.seconds, [&] {
    run_team(threads, [&](int thread) {
      const Range mine = share(blocks, thread, threads);
      const std::size_t at = mine.begin * kStep;
      loops.triad(a.data() + at, b.data() + at, c.data() + at, 0.5, (mine.end - mine.begin) * kStep);
    });
  });
  report.add({{"measure", "triad"}, {"threads", threads}, {"bytes", bytes}}, time,
             static_cast<double>(3 * sizeof(double) * blocks * kStep));
}

// What threads pay for one another's results, as layers do for parameters that another thread has updated: each writes its share,
// and after a barrier reads the next thread's, which lies in that one's cache. Work is the bytes that all threads read.
void measure_exchange(const Options& options, const MachineLoops& loops, int threads, std::size_t bytes, Report& report) {
  constexpr std::size_t kStep = 64;
  const std::size_t each = bytes / (static_cast<std::size_t>(threads) * sizeof(double) * kStep) * kStep;
  Buffer<double> shared(each * static_cast<std::size_t>(threads));
  // Enough, beside which the region is little; of large shares one is.
  const int rounds = static_cast<int>(std::clamp((std::size_t{6} << 20U) / bytes, std::size_t{1}, std::size_t{20}));
  const Spread time = time_of(options.seconds, [&] {
    Barrier barrier(threads);
    run_team(threads, [&](int thread) {
      double* const own = shared.data() + static_cast<std::size_t>(thread) * each;
      const double* const next = shared.data() + static_cast<std::size_t>((thread + 1) % threads) * each;
      alignas(kCacheLine) double sink[kStep];
      for (int round = 0; round < rounds; ++round) {
        loops.triad(own, own, own, 0.5, each);
        barrier.wait();
        for (std::size_t at = 0; at < each; at += kStep) loops.triad(sink, next + at, next + at, 0.5, kStep);
        barrier.wait();
      }
    });
  });
  report.add({{"measure", "exchange"}, {"threads", threads}, {"bytes", bytes}}, time,
             static_cast<double>(rounds) * static_cast<double>(sizeof(double) * each) * threads);
}

void measure_waiting(const Options& options, int threads, Report& report) {
  const Spread region = time_of(options.seconds, [&] { run_team(threads, [](int) {}); });
  report.add({{"measure", "region"}, {"threads", threads}}, region, 1);
  constexpr int kWaits = 300;  // beside them a region is little; on a busy machine each may take a slice of the scheduler
  const Spread waits = time_of(options.seconds, [&] {
    Barrier barrier(threads);
    run_team(threads, [&](int) {
      for (int i = 0; i < kWaits; ++i) barrier.wait();
    });
  });
  report.add({{"measure", "barrier"}, {"threads", threads}}, waits, kWaits);
}

const MachineLoops& loops_for(const Options& options) {
  const MachineLoops* loops = profile::machine_loops_of(name_of(options.isa));
  if (loops == nullptr) throw std::invalid_argument(text("machine: expected loops for ", name_of(options.isa), ", got none"));
  return *loops;
}

}  // namespace

void measure_peak(const Options& options, Report& report) {
  for (const int threads : options.threads) measure_fma(options, loops_for(options), threads, report);
}

void measure_team(const Options& options, Report& report) {
  const MachineLoops& loops = loops_for(options);
  constexpr std::size_t kLargest = std::size_t{24} << 20U;  // most of a last-level cache
  for (const int threads : options.threads) {
    for (std::size_t bytes = std::size_t{24} << 10U; threads > 1 && bytes <= kLargest; bytes *= 4) {
      measure_exchange(options, loops, threads, bytes, report);
    }
    measure_waiting(options, threads, report);
  }
}

void measure_machine(const Options& options, Report& report) {
  const MachineLoops& loops = loops_for(options);
  // From half a first-level cache to well past a last-level one (STREAM asks for four times its size).
  constexpr std::size_t kLargest = std::size_t{384} << 20U;
  for (const int threads : options.threads) {
    measure_fma(options, loops, threads, report);
    for (std::size_t bytes = std::size_t{24} << 10U; bytes <= kLargest; bytes *= 2) {
      measure_triad(options, loops, threads, bytes, report);
    }
  }
  measure_team(options, report);
}

}  // namespace chainrule::bench
