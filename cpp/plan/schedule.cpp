#include <atomic>

#include "base/digits.h"
#include "base/error.h"
#include "plan/execute.h"

namespace chainrule::plan {
namespace {

// Columns cost a barrier at each step and spare each thread from reading all weights. 2 threads, Zen 5, 2026-11: mnist_l (2.4 GFLOP
// a step) 1.01 times faster by columns, wide (81 GFLOP, two blocks of rows for each thread) 1.02 times slower.
constexpr double kColumnsFromFlops = 1e9;
constexpr double kColumnsToFlops = 20e9;

constexpr int kNotOverridden = -1;
std::atomic<int> g_override{kNotOverridden};

}  // namespace

const char* name_of(Schedule schedule) noexcept { return schedule == Schedule::rows ? "rows" : "columns"; }

Schedule choose_schedule(double flops, int threads) noexcept {
  const int forced = g_override.load(std::memory_order_relaxed);
  if (forced != kNotOverridden) return static_cast<Schedule>(forced);
  return threads > 1 && flops >= kColumnsFromFlops && flops < kColumnsToFlops ? Schedule::columns : Schedule::rows;
}

std::string why_schedule(double flops, int threads) {
  if (g_override.load(std::memory_order_relaxed) != kNotOverridden) return "forced, whatever the work";
  if (threads == 1) return "one thread has nothing to share out";
  const char* where = flops < kColumnsFromFlops ? "less than" : flops < kColumnsToFlops ? "within" : "more than";
  return text(digits(flops, "FLOP"), " a step is ", where, " the ", digits(kColumnsFromFlops, "FLOP"), " to ",
              digits(kColumnsToFlops, "FLOP"), " for which columns are faster");
}

void override_schedule(std::optional<Schedule> schedule) noexcept {
  g_override.store(schedule ? static_cast<int>(*schedule) : kNotOverridden, std::memory_order_relaxed);
}

}  // namespace chainrule::plan
