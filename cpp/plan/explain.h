// The plan in words: what was chosen, why, and every step.
#pragma once

#include <string>

#include "plan/team_cost.h"

namespace chainrule::plan {

/// What holds for every plan: the instruction set, its lanes of the program's type, and the limits of threads.
template <class T>
[[nodiscard]] std::string explain_machine(const Program<T>& program);

/// A program that predicts.
template <class T>
[[nodiscard]] std::string explain(const Program<T>& program);

/// A training step: its batch, and the team that takes it.
struct Step {
  TeamCost cost;
  std::string batch;     // which one
  std::string measured;  // by the last fit; empty where there was nothing to choose
  int threads = 1;       // at present
};
template <class T>
[[nodiscard]] std::string explain(const Program<T>& program, const Parameters<T>& store, const Step& step);

}  // namespace chainrule::plan
