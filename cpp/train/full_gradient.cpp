#include "train/full_gradient.h"

namespace chainrule::train {

template <class T>
FullGradient<T>::FullGradient(BatchPlan<T>& plan, plan::Parameters<T>& parameters, std::span<const HeadSettings> heads,
                              const Dataset& data, RandomKey random)
    : plan_(plan),
      parameters_(parameters),
      heads_(heads),
      data_(data),
      random_(random),
      total_(total_weight(data, {}, data.rows())) {
  gradients_.sums.resize(parameters.size());
  for (const plan::GradientTask& task : plan.program().gradients) {
    const plan::Parameter<T>& parameter = parameters[task.parameter];
    gradients_.sums[task.parameter] = plan::PanelMatrix<T>(parameter.master_rows(), parameter.master_columns());
  }
}

template <class T>
void FullGradient<T>::run(Run& run, int thread) {
  while (run.next == Next::step) {
    profile::count_step();
    const Batch batch = block();
    plan_.run_rows(run, thread, parameters_, batch, random_);
    if (run.failed()) return;
    const bool first = batch.selection.first == 0;
    const plan::GradientPass pass{first, false, first};
    plan::run_gradients(plan_.program(), parameters_, gradients_, pass, plan_.values(thread, batch.rows), plan_.tiles_of(thread));
    plan::wait_at(run.barrier);
    if (thread == 0) {
      sums_.add(heads_, plan_.rows(), batch.rows);
      place_.first += batch.rows;
      if (done() || run.stop.raised()) run.next = Next::stop;
    }
    plan::wait_at(run.barrier);
    if (run.failed()) return;
  }
}

template <class T>
std::vector<std::pair<std::string, Tensor>> FullGradient<T>::gradients() const {
  std::vector<std::pair<std::string, Tensor>> result;
  for (const plan::GradientTask& task : plan_.program().gradients) {
    result.emplace_back(parameters_[task.parameter].name, parameters_.from_master(task.parameter, gradients_.sums[task.parameter]));
  }
  return result;
}

template class FullGradient<float>;
template class FullGradient<double>;

}  // namespace chainrule::train
