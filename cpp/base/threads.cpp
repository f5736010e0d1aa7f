#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "base/error.h"
#include "base/team.h"

namespace chainrule {
namespace {

constexpr int kMostThreads = 1024;
std::atomic<int> g_chosen{0};
std::atomic<int> g_override{0};
thread_local int t_caller = 0;

// An affinity mask larger than cpu_set_t (1024 CPUs) makes the call fail; doubling the set finds it.
int affinity_count() {
  for (int cpus = CPU_SETSIZE; cpus <= 1 << 16; cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (set == nullptr) return 1;
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known) return std::max(count, 1);
  }
  return 1;
}

int positive_from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return 0;
  char* end = nullptr;
  const long parsed = std::strtol(value, &end, 10);
  if (*end != '\0' || parsed < 1 || parsed > kMostThreads) {
    throw std::invalid_argument(text(name, ": expected a whole number from 1 to ", kMostThreads, ", got ", value));
  }
  return static_cast<int>(parsed);
}

int checked_count(const char* operation, int count) {
  if (count < 0 || count > kMostThreads) {
    throw std::invalid_argument(text(operation, ": expected 0 (automatic) to ", kMostThreads, ", got ", count));
  }
  return count;
}

// v2: "max 100000" or "200000 100000"; v1 keeps quota and period in two files, and -1 means no limit.
int limit_of(const std::string& folder, bool v2) {
  double quota = -1;
  double period = 0;
  if (v2) {
    std::ifstream file(folder + "/cpu.max");
    std::string first;
    if (!(file >> first >> period) || first == "max") return 0;
    quota = std::strtod(first.c_str(), nullptr);
  } else {
    std::ifstream quota_file(folder + "/cpu.cfs_quota_us");
    std::ifstream period_file(folder + "/cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return 0;
  }
  if (quota <= 0 || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::ceil(quota / period)));
}

bool has_controller(const std::string& list, const std::string& wanted) {
  std::istringstream names(list);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == wanted) return true;
  }
  return false;
}

}  // namespace

int cgroup_cpu_limit(const std::string& root, const std::string& membership) {
  std::ifstream lines(membership);
  int least = 0;
  for (std::string line; std::getline(lines, line);) {  // "hierarchy:controllers:path"
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && !has_controller(controllers, "cpu")) continue;
    const std::string mount = v2 ? root : text(root, '/', controllers);
    std::string path = line.substr(second + 1);
    // A container may see its own group as the mount's root, so the path need not exist below it: a missing file is no limit.
    for (;;) {
      const int limit = limit_of(text(mount, path), v2);
      if (limit > 0) least = least == 0 ? limit : std::min(least, limit);
      const std::size_t slash = path.find_last_of('/');
      if (path.empty() || slash == std::string::npos) break;
      path.erase(slash);
    }
  }
  return least;
}

int ThreadLimits::least() const noexcept {
  int count = std::min(affinity, openmp);
  if (cgroup > 0) count = std::min(count, cgroup);
  if (environment > 0) count = std::min(count, environment);
  if (chosen > 0) count = std::min(count, chosen);
  if (caller > 0) count = std::min(count, caller);
  return std::max(count, 1);
}

std::string ThreadLimits::explain() const {
  std::string out;
  const auto add = [&](const char* name, int limit, const char* none) {
    out += text(out.empty() ? "" : ", ", name, ' ');
    out += limit == 0 ? none : text(limit, limit == least() ? " (the least)" : "");
  };
  add("affinity mask", affinity, "unknown");
  add("cgroup quota", cgroup, "none");
  add("OpenMP (OMP_NUM_THREADS)", openmp, "unknown");
  add("CHAINRULE_NUM_THREADS", environment, "not set");
  add("set_num_threads", chosen, "not called");
  if (caller > 0) add("this thread's share", caller, "");
  return out;
}

ThreadLimits thread_limits() {
  ThreadLimits limits;
  limits.affinity = affinity_count();
  // A quota can change while the process lives, but not often enough to read files in each call.
  static const int cgroup = cgroup_cpu_limit("/sys/fs/cgroup", "/proc/self/cgroup");
  limits.cgroup = cgroup;
  limits.openmp = openmp_max_threads();
  limits.environment = positive_from_environment("CHAINRULE_NUM_THREADS");
  limits.chosen = g_chosen.load(std::memory_order_relaxed);
  limits.caller = t_caller;
  return limits;
}

int max_threads() { return thread_limits().least(); }

int forced_threads() noexcept { return g_override.load(std::memory_order_relaxed); }

void set_num_threads(int count) { g_chosen.store(checked_count("set_num_threads", count), std::memory_order_relaxed); }

void limit_caller(int count) { t_caller = checked_count("limit_caller", count); }

void override_threads(int count) { g_override.store(checked_count("override_threads", count), std::memory_order_relaxed); }

}  // namespace chainrule
