#include <algorithm>

#include "plan/copy_columns.h"
#include "plan/execute.h"
#include "profile/span.h"

namespace chainrule::plan {
namespace {

using kernels::kPanelWidth;
using kernels::Panels;

/// dst[j] = x * dz[j], with the bits of a gradient over one row, fma(x, dz[j], +0): adding +0 turns -0 into what the chain gives.
/// Plain loops: what they write does not fit a cache, and memory takes longer than any instruction set's multiplication.
template <class T>
void scale_row(T x, Panels<const T> dz, std::size_t columns, T* __restrict dst) {
  constexpr std::size_t P = kPanelWidth<T>;
  const T* from = dz.data;
  std::size_t column = 0;
  for (; column + P <= columns; column += P, from += dz.stride) {
    for (std::size_t lane = 0; lane < P; ++lane) dst[column + lane] = x * from[lane] + T{0};
  }
  for (std::size_t lane = 0; column + lane < columns; ++lane) dst[column + lane] = x * from[lane] + T{0};
}

/// The gradient of an embedding's table from one row of its numbers x and of dz.
template <class T>
void add_looked_up(const GradientTask& task, Panels<const T> x, Panels<const T> dz, const Parameter<T>& table, T* dst) {
  std::fill_n(dst, table.rows * table.columns, T{0});
  for (std::size_t column = 0; column < task.x.columns; ++column) {
    const std::size_t row = row_named(*x.at(0, column), table.rows);
    if (row == table.rows) continue;
    for (std::size_t j = 0; j < table.columns; ++j) dst[row * table.columns + j] += *dz.at(0, column * table.columns + j);
  }
}

}  // namespace

template <class T>
void write_row_gradients(const Program<T>& program, const Parameters<T>& parameters, T* workspace, std::size_t rows, T* out) {
  const profile::Span span(profile::row_gradients);
  std::vector<const GradientTask*> tasks(parameters.size());
  for (const GradientTask& task : program.gradients) tasks[task.parameter] = &task;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const Parameter<T>& parameter = parameters[i];
      T* const begin = out;
      out += parameter.rows * parameter.columns;
      if (tasks[i] == nullptr) {
        std::fill(begin, out, T{0});
        continue;
      }
      const auto at_row = [&](Slot slot) { return panels_of(program, slot, workspace).from_row(row); };
      Panels<T> x = at_row(tasks[i]->x);
      Panels<T> dz = at_row(tasks[i]->dz);
      if (tasks[i]->kind == GradientTask::Kind::embedding) {
        add_looked_up<T>(*tasks[i], {x.data, x.stride}, {dz.data, dz.stride}, parameter, begin);
        continue;
      }
      const bool vector = tasks[i]->kind == GradientTask::Kind::sum;
      if (!vector && parameter.transposed_is_master) std::swap(x, dz);  // the task is the transposed gradient's
      for (std::size_t k = 0; k < parameter.rows; ++k) {
        scale_row<T>(vector ? T{1} : *x.at(0, k), {dz.data, dz.stride}, parameter.columns, begin + k * parameter.columns);
      }
    }
  }
}

template void write_row_gradients(const Program<float>&, const Parameters<float>&, float*, std::size_t, float*);
template void write_row_gradients(const Program<double>&, const Parameters<double>&, double*, std::size_t, double*);

}  // namespace chainrule::plan
