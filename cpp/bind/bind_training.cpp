// Trainer, and the heads that it is made with.
#include <pybind11/stl.h>

#include <algorithm>
#include <span>

#include "bind/arrays.h"
#include "bind/bindings.h"
#include "bind/features.h"
#include "bind/interrupt.h"
#include "bind/operations.h"
#include "train/trainer.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

using train::Averages;
using train::Dataset;
using train::Network;
using train::Trainer;

/// The key of its values, its name and its parameter.
using PyMetric = std::tuple<std::string, std::string, std::size_t>;

/// A head with the name that its loss and metrics are called by; empty where it is the only one.
struct PyHead {
  PyHead(const AnyOperation& loss, double alpha, double weight, bool labels, const std::vector<PyMetric>& counted, double threshold,
         std::string head_name)
      : name(std::move(head_name)) {
    settings.loss = operation_from(loss);
    settings.alpha = alpha;
    settings.weight = weight;
    settings.metrics.labels = labels;
    settings.metrics.threshold = threshold;
    for (const auto& [key, metric, k] : counted) {
      metrics.push_back(key);
      settings.metrics.metrics.push_back(train::metric_settings(metric, k));
    }
  }
  train::HeadSettings settings;
  std::vector<std::string> metrics;
  std::string name;
};

/// The arrays of a data set, one for each input and for each head.
struct Arrays {
  std::vector<py::object> x;
  std::vector<py::array> y;
  std::optional<py::array> weight;
};

/// A trainer with the names of what it averages, and the arrays that it reads.
class PyTrainer {
 public:
  using Validation = std::tuple<std::vector<py::object>, std::vector<py::array>, std::optional<py::array>>;

  PyTrainer(std::shared_ptr<Network> network, const graph::Graph& graph, const std::vector<graph::NodeId>& inputs,
            const std::vector<graph::NodeId>& outputs, const std::vector<PyHead>& heads, const std::string& optimizer,
            const std::map<std::string, double>& settings, std::vector<double> scales, std::uint64_t seed,
            const std::map<std::string, std::pair<double, double>>& penalties)
      : scales_(std::move(scales)) {
    train::TrainerSettings all;
    for (const PyHead& head : heads) {
      all.heads.push_back(head.settings);
      labels_.push_back(head.settings.labels());
      const std::string prefix = head.name.empty() ? "" : head.name + "_";
      heads_.push_back(prefix + "loss");
      for (const std::string& metric : head.metrics) metrics_.push_back(prefix + metric);
    }
    all.optimizer = train::optimizer_settings(optimizer, settings);
    all.seed = seed;
    for (const auto& [name, penalty] : penalties) all.penalties[name] = {penalty.first, penalty.second};
    trainer_ = Trainer::make(std::move(network), graph, inputs, outputs, all);
  }

  [[nodiscard]] Trainer& trainer() const noexcept { return *trainer_; }

  void bind(const std::vector<py::object>& x, const std::vector<py::array>& y, const std::optional<py::array>& weight,
            std::size_t batch_size, bool shuffle, const std::optional<Validation>& validation) {
    const Dataset data = dataset({x, y, weight});
    std::optional<Dataset> held_out;
    if (validation) held_out = dataset({std::get<0>(*validation), std::get<1>(*validation), std::get<2>(*validation)});
    {
      const py::gil_scoped_release release;
      trainer_->bind(data, batch_size, shuffle, held_out);
    }
    arrays_ = py::make_tuple(x, y, weight, validation);
    // From here on, not in `run` alone: what arrives while Python is between two runs must stop the next.
    if (!guard_) guard_ = std::make_unique<InterruptGuard>();
  }

  void unbind() {
    trainer_->unbind();
    arrays_ = py::tuple();
    guard_.reset();
  }

  std::string run(std::uint64_t until_epoch, std::size_t until_step, double seconds) {
    train::RunStatus status = train::RunStatus::time;
    train::StopSignal stop;
    if (guard_) {
      InterruptGuard::renew();
      stop = guard_->signal();
    }
    {
      const py::gil_scoped_release release;
      status = trainer_->run({until_epoch, until_step, seconds}, stop);
    }
    switch (status) {
      case train::RunStatus::epoch:
        return "epoch";
      case train::RunStatus::step:
        return "step";
      case train::RunStatus::interrupted:
        if (guard_) guard_->forget();
        raise_interrupt();
        return "time";
      case train::RunStatus::time:
        return "time";
    }
    return "time";
  }

  py::dict state() const {
    const train::TrainerState state = trainer_->state();
    py::dict arrays;
    for (const auto& [name, tensor] : state.arrays) arrays[name.c_str()] = array_from(tensor);
    py::dict result;
    result["epoch"] = state.epoch;
    result["step"] = state.step;
    result["iterations"] = state.iterations;
    result["rows"] = state.sums.rows;
    result["losses"] = state.sums.losses;
    result["weight"] = state.sums.weight;
    result["metrics"] = state.sums.metrics;
    result["penalty"] = state.sums.penalty;
    py::list collected;
    for (const train::Collected& of_head : state.sums.collected) {
      const std::vector<double> numbers = of_head.numbers();
      collected.append(py::array_t<double>(static_cast<py::ssize_t>(numbers.size()), numbers.data()));
    }
    result["collected"] = collected;
    result["numbers"] = state.numbers;
    result["arrays"] = arrays;
    return result;
  }

  void set_state(std::uint64_t epoch, std::size_t step, std::uint64_t iterations, std::size_t rows, std::vector<double> losses,
                 double weight, std::vector<double> metrics, double penalty, const std::vector<std::vector<double>>& collected,
                 const std::map<std::string, double>& numbers, const std::map<std::string, py::array>& arrays) {
    train::TrainerState state{epoch, step, iterations, {}, numbers, {}};
    state.sums.losses = std::move(losses);
    state.sums.weight = weight;
    state.sums.rows = rows;
    state.sums.metrics = std::move(metrics);
    state.sums.penalty = penalty;
    for (const std::vector<double>& of_head : collected) state.sums.collected.push_back(train::Collected::from_numbers(of_head));
    for (const auto& [name, array] : arrays) state.arrays.emplace(name, tensor_from(array, name.c_str()));
    trainer_->set_state(state);
  }

  py::dict train_on_batch(const std::vector<py::object>& x, const std::vector<py::array>& y,
                          const std::optional<py::array>& weight) {
    const Dataset data = dataset({x, y, weight});
    Averages averages;
    {
      const py::gil_scoped_release release;
      averages = trainer_->train_on_batch(data);
    }
    return named(averages);
  }

  py::dict evaluate(const std::vector<py::object>& x, const std::vector<py::array>& y, const std::optional<py::array>& weight) {
    const Dataset data = dataset({x, y, weight});
    Averages averages;
    {
      const py::gil_scoped_release release;
      averages = trainer_->evaluate(data);
    }
    return named(averages);
  }

  /// (loss, gradients by name).
  py::tuple loss_and_gradients(const std::vector<py::object>& x, const std::vector<py::array>& y,
                               const std::optional<py::array>& weight) {
    const Dataset data = dataset({x, y, weight});
    for (;;) {
      const InterruptGuard guard;
      std::optional<train::LossAndGradients> result;
      {
        const py::gil_scoped_release release;
        result = trainer_->loss_and_gradients(data, guard.signal());
      }
      if (result) return py::make_tuple(result->loss, arrays_by_name(result->gradients));
      raise_interrupt();  // where it does not, all of it once more
    }
  }

  [[nodiscard]] py::dict ema_parameters() const {
    return arrays_by_name(without_gil([&] { return trainer_->ema_parameters(); }));
  }

  py::dict history(std::size_t first) const {
    py::dict columns;
    const std::span<const Averages> training = trainer_->history();
    const std::span<const Averages> validation = trainer_->validation_history();
    add_columns(columns, "", training.subspan(std::min(first, training.size())));
    const std::span<const double> objectives = trainer_->objectives();
    if (!objectives.empty()) {
      const std::span<const double> rest = objectives.subspan(std::min(first, objectives.size()));
      columns["objective"] = py::array_t<double>(static_cast<py::ssize_t>(rest.size()), rest.data());
    }
    if (!validation.empty()) add_columns(columns, "val_", validation.subspan(std::min(first, validation.size())));
    return columns;
  }

  py::dict running() const { return named(trainer_->running()); }

 private:
  static py::dict arrays_by_name(const std::vector<std::pair<std::string, Tensor>>& tensors) {
    py::dict arrays;
    for (const auto& [name, tensor] : tensors) arrays[name.c_str()] = array_from(tensor);
    return arrays;
  }

  // In the main thread Python's handler runs here and raises what it likes, or nothing. In another one it never runs: the thread
  // stops where the handler is the one that raises KeyboardInterrupt.
  static void raise_interrupt() {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    const py::module_ signal = py::module_::import("signal");
    const py::module_ threading = py::module_::import("threading");
    const bool main = threading.attr("current_thread")().is(threading.attr("main_thread")());
    const bool raises = signal.attr("getsignal")(signal.attr("SIGINT")).is(signal.attr("default_int_handler"));
    if (!main && raises) {
      PyErr_SetNone(PyExc_KeyboardInterrupt);
      throw py::error_already_set();
    }
  }

  [[nodiscard]] Dataset dataset(const Arrays& arrays) const {
    Dataset data;
    data.x = features(arrays.x, scales_);
    if (arrays.y.size() != labels_.size()) {
      throw std::invalid_argument(text("data: expected ", labels_.size(), " targets, one for each output, got ", arrays.y.size()));
    }
    for (std::size_t i = 0; i < arrays.y.size(); ++i) data.y.push_back({view_of(arrays.y[i], "y"), labels_[i]});
    if (arrays.weight) data.weight = view_of(*arrays.weight, "sample_weight");
    return data;
  }

  /// visit(name, value of a row) for everything that is averaged: of several heads each one's loss too.
  template <class Visit>
  void for_each_average(const Visit& visit) const {
    visit("loss", [](const Averages& row) { return row.loss; });
    for (std::size_t i = 0; heads_.size() > 1 && i < heads_.size(); ++i) {
      visit(heads_[i], [i](const Averages& row) { return i < row.of_heads.size() ? row.of_heads[i] : 0.0; });
    }
    for (std::size_t i = 0; i < metrics_.size(); ++i) {
      visit(metrics_[i], [i](const Averages& row) { return i < row.metrics.size() ? row.metrics[i] : 0.0; });
    }
  }

  [[nodiscard]] py::dict named(const Averages& averages) const {
    py::dict result;
    for_each_average([&](const std::string& name, const auto& value) { result[name.c_str()] = value(averages); });
    return result;
  }

  void add_columns(py::dict& columns, const std::string& prefix, std::span<const Averages> rows) const {
    for_each_average([&](const std::string& name, const auto& value) {
      py::array_t<double> values(static_cast<py::ssize_t>(rows.size()));
      double* out = values.mutable_data();
      for (const Averages& row : rows) *out++ = value(row);
      columns[(prefix + name).c_str()] = values;
    });
  }

  std::unique_ptr<Trainer> trainer_;
  std::vector<std::string> heads_;  // what their losses are called
  std::vector<std::string> metrics_;
  std::vector<bool> labels_;
  std::vector<double> scales_;
  py::tuple arrays_;
  std::unique_ptr<InterruptGuard> guard_;  // while data are bound
};

}  // namespace

void bind_training(py::module_& module) {
  py::class_<PyHead>(module, "Head", py::is_final(), "A loss of one output, and what is counted beside it.")
      .def(py::init<const AnyOperation&, double, double, bool, const std::vector<PyMetric>&, double, std::string>(),
           py::arg("loss"), py::kw_only(), py::arg("alpha"), py::arg("weight"), py::arg("labels"), py::arg("metrics"),
           py::arg("threshold"), py::arg("name"));

  py::class_<PyTrainer>(module, "Trainer", py::is_final(),
                        "One loss, one optimizer with its state, and the training plan of a network.")
      .def(py::init<std::shared_ptr<Network>, const graph::Graph&, const std::vector<graph::NodeId>&,
                    const std::vector<graph::NodeId>&, const std::vector<PyHead>&, const std::string&,
                    const std::map<std::string, double>&, std::vector<double>, std::uint64_t,
                    const std::map<std::string, std::pair<double, double>>&>(),
           py::arg("network"), py::arg("graph"), py::arg("inputs"), py::arg("outputs"), py::kw_only(), py::arg("heads"),
           py::arg("optimizer"), py::arg("settings"), py::arg("scales"), py::arg("seed"),
           py::arg("penalties") = std::map<std::string, std::pair<double, double>>())
      .def_property(
          "lr", [](const PyTrainer& self) { return self.trainer().lr(); },
          [](PyTrainer& self, double lr) { self.trainer().set_lr(lr); })
      .def(
          "set_lrs",
          [](PyTrainer& self, const py::array_t<double, py::array::c_style | py::array::forcecast>& lrs) {
            self.trainer().set_lrs({lrs.data(), lrs.data() + lrs.size()});
          },
          py::arg("lrs"))
      .def(
          "set_groups",
          [](PyTrainer& self, const std::vector<std::string>& frozen, const std::map<std::string, double>& factors) {
            const py::gil_scoped_release release;
            self.trainer().set_groups(frozen, factors);
          },
          py::arg("frozen"), py::arg("factors"))
      .def("loss_and_gradients", &PyTrainer::loss_and_gradients, py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true))
      .def("ema_parameters", &PyTrainer::ema_parameters)
      .def_property_readonly("epoch", [](const PyTrainer& self) { return self.trainer().epoch(); })
      .def_property_readonly("step", [](const PyTrainer& self) { return self.trainer().step(); })
      .def_property_readonly("steps_per_epoch", [](const PyTrainer& self) { return self.trainer().steps_per_epoch(); })
      .def_property_readonly("iterations", [](const PyTrainer& self) { return self.trainer().iterations(); })
      .def("bind", &PyTrainer::bind, py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true), py::kw_only(),
           py::arg("batch_size"), py::arg("shuffle"), py::arg("validation") = std::nullopt)
      .def("unbind", &PyTrainer::unbind)
      .def("run", &PyTrainer::run, py::arg("until_epoch"), py::arg("until_step"), py::arg("seconds"))
      .def("history", &PyTrainer::history, py::arg("first") = 0)
      .def("running", &PyTrainer::running)
      .def("state", &PyTrainer::state)
      .def("set_state", &PyTrainer::set_state, py::kw_only(), py::arg("epoch"), py::arg("step"), py::arg("iterations"),
           py::arg("rows"), py::arg("losses"), py::arg("weight"), py::arg("metrics"), py::arg("penalty"), py::arg("collected"),
           py::arg("numbers"), py::arg("arrays"))
      .def("train_on_batch", &PyTrainer::train_on_batch, py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true))
      .def("evaluate", &PyTrainer::evaluate, py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true))
      .def("explain", [](PyTrainer& self) { return without_gil([&] { return self.trainer().explain(); }); });
}

}  // namespace chainrule::bind
