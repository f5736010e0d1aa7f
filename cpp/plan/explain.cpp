#include <iomanip>
#include <sstream>

#include "plan/execute.h"
#include "plan/program.h"

namespace chainrule::plan {

template <class T>
double Program<T>::row_flops() const noexcept {
  double flops = 0;
  for (const RowStep<T>& step : steps) flops += step.flops_per_row;
  return flops;
}

template <class T>
double Program<T>::gradient_flops() const noexcept {
  double flops = 0;
  for (const GradientTask& task : gradients) {
    flops += 2.0 * static_cast<double>(task.dz.columns) * static_cast<double>(task.x.columns == 0 ? 1 : task.x.columns);
  }
  return flops;
}

template <class T>
std::string explain(const Program<T>& program, const Parameters<T>& store) {
  std::ostringstream out;
  out << "plan for up to " << program.capacity << " rows, workspace " << program.workspace * sizeof(T) / 1024 << " KiB, "
      << static_cast<std::int64_t>(program.row_flops() + program.gradient_flops()) << " FLOP a row\n"
      << "row phase (each thread takes a block of rows through all steps, without waiting):\n";
  for (const RowStep<T>& step : program.steps) {
    out << "  " << std::left << std::setw(28) << step.operation << ' ' << std::setw(16) << step.layer << ' ' << step.a.columns
        << " -> " << step.out.columns << '\n';
  }
  if (program.gradients.empty()) return out.str();
  out << "barrier\nparameter phase (gradient tiles over all rows, each followed by its update):\n";
  for (const GradientTask& task : program.gradients) {
    const Parameter<T>& parameter = store[task.parameter];
    out << "  " << std::left << std::setw(28) << (task.x.columns == 0 ? "column_sum+update" : "weight_gradient+update") << ' '
        << std::setw(16) << parameter.name << ' ' << to_string(parameter.shape)
        << (parameter.transposed.empty() ? "" : ", and its transposed copy") << '\n';
  }
  out << "barrier\n";
  return out.str();
}

template struct Program<float>;
template struct Program<double>;
template std::string explain(const Program<float>&, const Parameters<float>&);
template std::string explain(const Program<double>&, const Parameters<double>&);

}  // namespace chainrule::plan
