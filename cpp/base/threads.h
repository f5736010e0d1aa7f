// How many threads a parallel region may use: the least of all limits that apply to this process.
#pragma once

#include <string>

namespace chainrule {

struct ThreadLimits {
  int affinity = 0;     // CPUs in the affinity mask
  int cgroup = 0;       // CPU quota of the cgroup, rounded up; 0 where there is none
  int openmp = 0;       // OMP_NUM_THREADS, omp_set_num_threads (threadpoolctl)
  int environment = 0;  // CHAINRULE_NUM_THREADS; 0 where it is not set
  int chosen = 0;       // set_num_threads; 0 where it was not called
  [[nodiscard]] int least() const noexcept;
};

/// The limits in force now, for the calling thread.
[[nodiscard]] ThreadLimits thread_limits();
/// What a parallel region may use now.
[[nodiscard]] int max_threads();
/// The number of threads for work of this size: a second one pays from 150 to 300 kFLOP on (Zen 3, 2 cores; a barrier costs 70 to
/// 100 ns and the start of a region 700 ns), up to max_threads.
[[nodiscard]] int threads_for(double flops);
/// Teams of exactly `count` threads, whatever the limits and the work; 0 takes it back. For tests of other team sizes than this
/// machine's.
void override_threads(int count);
[[nodiscard]] bool threads_overridden() noexcept;
/// 0 takes the choice back; std::invalid_argument below 0 or above 1024.
void set_num_threads(int count);
/// The CPU quota, rounded up, of the cgroup tree mounted at `root` for the process whose /proc/self/cgroup is `membership`;
/// 0 for no limit. The least along the path to the root holds (v1 and v2).
[[nodiscard]] int cgroup_cpu_limit(const std::string& root, const std::string& membership);

}  // namespace chainrule
