#include "graph/negated_rule.h"

#include <atomic>

namespace chainrule::graph {
namespace {

// Null but in tests: a load and a comparison is all that a derivative pays.
std::atomic<const Operation*> g_operation{nullptr};
std::atomic<Mode> g_mode{Mode::jvp};
std::atomic<int> g_input{0};

}  // namespace

void negate_rule(const Operation* operation, Mode mode, int input) noexcept {
  g_mode.store(mode, std::memory_order_relaxed);
  g_input.store(input, std::memory_order_relaxed);
  g_operation.store(operation, std::memory_order_relaxed);
}

bool is_negated(const Operation& operation, Mode mode, int input) noexcept {
  return g_operation.load(std::memory_order_relaxed) == &operation && g_mode.load(std::memory_order_relaxed) == mode &&
         g_input.load(std::memory_order_relaxed) == input;
}

}  // namespace chainrule::graph
