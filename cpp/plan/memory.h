// Where the values of a program lie: each is given memory from the step that writes it to the last that reads it, and values whose
// lives do not meet share it.
#pragma once

#include <algorithm>
#include <vector>

#include "plan/program.h"

namespace chainrule::plan {

template <class T>
class MemoryPlan {
 public:
  /// A new value, written by step number `step`. Until `place`, a slot's offset is the value's number.
  Slot define(std::size_t columns, std::size_t step) {
    lives_.push_back({columns, step, step, 0});
    return {lives_.size() - 1, columns};
  }
  /// Step number `step` reads the value (or writes over it).
  void use(Slot slot, std::size_t step) { lives_[slot.offset].last = std::max(lives_[slot.offset].last, step); }
  /// The value is needed after the row phase.
  void keep(Slot slot) { lives_[slot.offset].last = kAlways; }

  /// Turns value numbers into offsets, in all slots of the program; returns the workspace's size in elements.
  std::size_t place(Program<T>& program) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < lives_.size(); ++i) {
      lives_[i].offset = lowest_free(i, program.stride);
      end = std::max(end, lives_[i].offset + size(lives_[i], program.stride));
    }
    const auto resolve = [&](Slot& slot) {
      if (slot.columns != 0) slot.offset = lives_[slot.offset].offset;
    };
    for (RowStep<T>& step : program.steps) {
      for (Slot* slot : {&step.a, &step.b, &step.saved, &step.out, &step.mean, &step.variance}) resolve(*slot);
      for (Slot& slot : step.operands) resolve(slot);
    }
    for (GradientTask& task : program.gradients) {
      resolve(task.x);
      resolve(task.dz);
    }
    for (RunningStatistics& running : program.running) {
      resolve(running.batch_mean);
      resolve(running.batch_variance);
    }
    for (std::vector<Slot>* slots : {&program.inputs, &program.outputs, &program.targets}) {
      for (Slot& slot : *slots) resolve(slot);
    }
    return end;
  }

 private:
  static constexpr std::size_t kAlways = static_cast<std::size_t>(-1);

  struct Life {
    std::size_t columns;
    std::size_t first;
    std::size_t last;
    std::size_t offset;
  };

  static std::size_t size(const Life& life, std::size_t stride) { return kernels::panel_count<T>(life.columns) * stride; }

  /// The lowest offset at which value `i` meets no earlier value that is alive at the same time.
  std::size_t lowest_free(std::size_t i, std::size_t stride) const {
    const Life& life = lives_[i];
    std::size_t offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t j = 0; j < i; ++j) {
        const Life& other = lives_[j];
        const bool together = other.first <= life.last && life.first <= other.last;
        if (together && other.offset < offset + size(life, stride) && offset < other.offset + size(other, stride)) {
          offset = other.offset + size(other, stride);
          moved = true;
        }
      }
    }
    return offset;
  }

  std::vector<Life> lives_;
};

}  // namespace chainrule::plan
