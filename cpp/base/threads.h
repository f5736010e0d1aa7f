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
  int caller = 0;       // limit_caller; 0 where this thread has no limit of its own
  [[nodiscard]] int least() const noexcept;
  /// Each limit in words, with a mark at those that are the least.
  [[nodiscard]] std::string explain() const;
};

/// The limits in force now, for the calling thread.
[[nodiscard]] ThreadLimits thread_limits();
/// What a parallel region may use now.
[[nodiscard]] int max_threads();
/// Teams of exactly `count` threads, whatever the limits and the work; 0 takes it back. For tests of other team sizes than this
/// machine's.
void override_threads(int count);
/// That count; 0 where there is none.
[[nodiscard]] int forced_threads() noexcept;
/// 0 takes the choice back; std::invalid_argument below 0 or above 1024.
void set_num_threads(int count);
/// At most `count` threads for the work that the calling thread asks for, from here on: for threads that share out the CPUs among
/// them. 0 takes it back; std::invalid_argument below 0 or above 1024.
void limit_caller(int count);
/// The CPU quota, rounded up, of the cgroup tree mounted at `root` for the process whose /proc/self/cgroup is `membership`;
/// 0 for no limit. The least along the path to the root holds (v1 and v2).
[[nodiscard]] int cgroup_cpu_limit(const std::string& root, const std::string& membership);

}  // namespace chainrule
