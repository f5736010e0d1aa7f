#include "plan/explain.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "base/digits.h"
#include "base/error.h"

namespace chainrule::plan {
namespace {

double entries_of(MeanEntries entries, std::size_t input) noexcept { return input < entries.size() ? entries[input] : 0; }

std::string microseconds(double seconds) { return digits(seconds * 1e6) + " us"; }

template <class T>
void add_memory(std::ostringstream& out, const Program<T>& program) {
  out << "memory: " << digits(static_cast<double>(program.workspace * sizeof(T)), "B") << " for the values of up to "
      << program.capacity << " rows\n";
}

template <class T>
void add_row_steps(std::ostringstream& out, const Program<T>& program) {
  for (const RowStep<T>& step : program.steps) {
    out << "  " << std::left << std::setw(28) << step.operation << ' ' << std::setw(16) << step.layer << ' '
        << (step.input == kNoInput ? step.a.columns : program.features[step.input]) << " -> " << step.out.columns
        << (step.input == kNoInput ? "" : ", of sparse rows") << '\n';
  }
}

/// Why the estimate gives so many threads.
std::string reason(int threads, int most) {
  if (forced_threads() > 0) return "forced, whatever the work";
  if (threads == most) return most == 1 ? "the limits allow no more" : "all that the limits allow";
  return threads == 1 ? "a second one would cost more than it saves" : "more would wait longer than they save";
}

void add_team(std::ostringstream& out, const Step& step) {
  const int most = max_threads();
  const int planned = choose_threads(step.cost);
  out << "threads: " << planned << " of at most " << most << ", " << reason(planned, most) << '\n'
      << "  estimate of a step: " << microseconds(step.cost.seconds(1)) << " with 1 thread";
  // What a second one would do is said even where there is none.
  const int others = std::max(planned, 2);
  const TeamTime time = step.cost.time(others);
  out << ", " << microseconds(time.seconds()) << " with " << others << ": " << microseconds(time.waiting) << " of it waiting, "
      << microseconds(time.reading) << " reading what another has written (" << digits(time.bytes, "B") << ")\n"
      << "  a second thread pays from " << digits(step.cost.pays_from(), "FLOP") << " a step on, "
      << digits(step.cost.pays_from() / 2, "FLOP") << " for each\n";
  if (!step.measured.empty()) out << "  measured by the last fit: " << step.measured << '\n';
}

void add_schedule(std::ostringstream& out, const Step& step, Schedule schedule) {
  out << "schedule: " << name_of(schedule) << ", ";
  if (forced_schedule()) {
    out << "forced, whatever the work\n";
  } else if (step.threads == 1) {
    out << "one thread has nothing to share out\n";
  } else {
    const auto says = [&](Schedule which) {
      const TeamTime time = step.cost.time(step.threads, which);
      return text(microseconds(time.seconds()), " by ", name_of(which), ", ", microseconds(time.waiting), " of it waiting and ",
                  microseconds(time.reading), " reading");
    };
    out << "by the same estimate with " << step.threads << " threads: " << says(schedule) << "; "
        << says(schedule == Schedule::rows ? Schedule::columns : Schedule::rows) << '\n';
  }
}

}  // namespace

const char* name_of(GradientTask::Kind kind) noexcept {
  switch (kind) {
    case GradientTask::Kind::product:
      return "weight_gradient";
    case GradientTask::Kind::sparse:
      return "sparse_weight_gradient";
    case GradientTask::Kind::sum:
      return "column_sum";
    case GradientTask::Kind::embedding:
      return "embedding_gradient";
  }
  return "";
}

template <class T>
double RowStep<T>::flops(MeanEntries entries) const noexcept {
  return flops_per_row * (input == kNoInput ? 1 : entries_of(entries, input));
}

template <class T>
double Program<T>::row_flops(MeanEntries entries) const noexcept {
  double flops = 0;
  for (const RowStep<T>& step : steps) flops += step.flops(entries);
  return flops;
}

double GradientTask::flops(MeanEntries entries) const noexcept {
  const double of_column = 2.0 * static_cast<double>(dz.columns);
  if (input != kNoInput) return of_column * entries_of(entries, input);
  return of_column * static_cast<double>(kind == Kind::product ? x.columns : 1);
}

template <class T>
double Program<T>::gradient_flops(MeanEntries entries) const noexcept {
  double flops = 0;
  for (const GradientTask& task : gradients) flops += task.flops(entries);
  return flops;
}

template <class T>
std::string explain_machine(const Program<T>& program) {
  std::ostringstream out;
  const kernels::Tables& tables = *program.tables;
  out << "instruction set: " << tables.isa << ", " << tables.lanes<T>() << " lanes of " << name_of(kDType<T>)
      << (tables.fused ? "" : ", fma emulated") << ", about " << digits(rate_of<T>(tables), "FLOP/s") << " a thread\n"
      << "limits of threads: " << thread_limits().explain() << '\n';
  return out.str();
}

template <class T>
std::string explain(const Program<T>& program) {
  std::ostringstream out;
  const double pays_from = TeamCost(work_of(program, program.capacity), Occasion::call).pays_from();
  const double rows = std::ceil(pays_from / std::max(program.row_flops(), 1.0));
  out << "prediction in blocks of up to " << program.capacity << " rows: " << digits(program.row_flops(), "FLOP") << " a row\n"
      << "threads: by the rows of a call; a second one pays from " << digits(pays_from, "FLOP") << " ("
      << digits(std::max(rows, 2.0 * kFewRows)) << " rows) on\n";
  add_memory(out, program);
  out << "row phase (each thread takes its rows through all steps, without waiting):\n";
  add_row_steps(out, program);
  return out.str();
}

template <class T>
std::string explain(const Program<T>& program, const Parameters<T>& store, const Step& step) {
  std::ostringstream out;
  out << "training with " << step.batch << ": " << digits(step.cost.work().flops(), "FLOP")
      << " a step, and updates that take as long as " << digits(step.cost.work().update_flops, "FLOP") << '\n';
  add_team(out, step);
  const Schedule schedule = step.cost.schedule(step.threads);
  add_schedule(out, step, schedule);
  add_memory(out, program);
  out << (schedule == Schedule::rows
              ? "row phase (each thread takes its rows through all steps, without waiting):\n"
              : "row phase (each thread takes its columns of a step, or its rows; a barrier where one reads another's):\n");
  add_row_steps(out, program);
  out << "barrier\nparameter phase (gradient tiles over all rows, each followed by its update):\n";
  for (const GradientTask& task : program.gradients) {
    const Parameter<T>& parameter = store[task.parameter];
    out << "  " << std::left << std::setw(28) << text(name_of(task.kind), "+update") << ' ' << std::setw(16) << parameter.name
        << ' ' << to_string(parameter.shape) << (parameter.transposed.empty() ? "" : ", and its transposed copy") << '\n';
  }
  out << "barrier\n";
  return out.str();
}

template struct RowStep<float>;
template struct RowStep<double>;
template struct Program<float>;
template struct Program<double>;
template std::string explain_machine(const Program<float>&);
template std::string explain_machine(const Program<double>&);
template std::string explain(const Program<float>&);
template std::string explain(const Program<double>&);
template std::string explain(const Program<float>&, const Parameters<float>&, const Step&);
template std::string explain(const Program<double>&, const Parameters<double>&, const Step&);

}  // namespace chainrule::plan
