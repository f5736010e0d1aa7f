// Network and Trainer.
#include <pybind11/stl.h>

#include <algorithm>
#include <span>

#include "base/error.h"
#include "bind/array_view.h"
#include "bind/arrays.h"
#include "bind/bindings.h"
#include "bind/interrupt.h"
#include "bind/operations.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

using train::Averages;
using train::Dataset;
using train::Network;
using train::Trainer;

plan::Metric metric_named(const std::string& name) {
  if (name == "accuracy") return plan::Metric::accuracy;
  if (name == "mse") return plan::Metric::mse;
  if (name == "mae") return plan::Metric::mae;
  throw std::invalid_argument(text("metrics: expected accuracy, mse or mae, got ", name));
}

Dataset dataset(const py::array& x, const py::array& y, const std::optional<py::array>& weight, double scale, bool labels) {
  Dataset data;
  data.x = view_of(x, "x");
  data.y = view_of(y, "y");
  if (weight) data.weight = view_of(*weight, "sample_weight");
  data.scale = scale;
  data.labels = labels;
  return data;
}

/// A trainer with the names of what it averages, and the arrays that it reads.
class PyTrainer {
 public:
  using Validation = std::tuple<py::array, py::array, std::optional<py::array>>;

  PyTrainer(std::shared_ptr<Network> network, const graph::Graph& graph, graph::NodeId input, graph::NodeId output,
            const AnyOperation& loss, double alpha, bool labels, const std::string& optimizer,
            const std::map<std::string, double>& settings, std::vector<std::string> metrics, double threshold, std::uint64_t seed)
      : metrics_(std::move(metrics)), labels_(labels) {
    train::TrainerSettings all;
    all.loss = operation_from(loss);
    all.alpha = alpha;
    all.labels = labels;
    all.optimizer = train::optimizer_settings(optimizer, settings);
    for (const std::string& metric : metrics_) all.metrics.push_back(metric_named(metric));
    all.threshold = threshold;
    all.seed = seed;
    trainer_ = Trainer::make(std::move(network), graph, input, output, all);
  }

  [[nodiscard]] Trainer& trainer() const noexcept { return *trainer_; }

  void bind(const py::array& x, const py::array& y, const std::optional<py::array>& weight, std::size_t batch_size, bool shuffle,
            double scale, const std::optional<Validation>& validation) {
    const Dataset data = dataset(x, y, weight, scale, labels_);
    std::optional<Dataset> held_out;
    if (validation)
      held_out = dataset(std::get<0>(*validation), std::get<1>(*validation), std::get<2>(*validation), scale, labels_);
    {
      const py::gil_scoped_release release;
      trainer_->bind(data, batch_size, shuffle, held_out);
    }
    arrays_ = py::make_tuple(x, y, weight, validation);
  }

  void unbind() {
    trainer_->unbind();
    arrays_ = py::tuple();
  }

  std::string run(std::uint64_t until_epoch, std::size_t until_step, double seconds) {
    const InterruptGuard guard;
    train::RunStatus status = train::RunStatus::time;
    {
      const py::gil_scoped_release release;
      status = trainer_->run({until_epoch, until_step, seconds}, guard.signal());
    }
    switch (status) {
      case train::RunStatus::epoch:
        return "epoch";
      case train::RunStatus::step:
        return "step";
      case train::RunStatus::interrupted:
        raise_interrupt();
        return "time";
      case train::RunStatus::time:
        return "time";
    }
    return "time";
  }

  py::dict train_on_batch(const py::array& x, const py::array& y, const std::optional<py::array>& weight, double scale) {
    const Dataset data = dataset(x, y, weight, scale, labels_);
    Averages averages;
    {
      const py::gil_scoped_release release;
      averages = trainer_->train_on_batch(data);
    }
    return named(averages);
  }

  py::dict evaluate(const py::array& x, const py::array& y, const std::optional<py::array>& weight, double scale) {
    const Dataset data = dataset(x, y, weight, scale, labels_);
    Averages averages;
    {
      const py::gil_scoped_release release;
      averages = trainer_->evaluate(data);
    }
    return named(averages);
  }

  py::dict history(std::size_t first) const {
    py::dict columns;
    const std::span<const Averages> training = trainer_->history();
    const std::span<const Averages> validation = trainer_->validation_history();
    add_columns(columns, "", training.subspan(std::min(first, training.size())));
    if (!validation.empty()) add_columns(columns, "val_", validation.subspan(std::min(first, validation.size())));
    return columns;
  }

  py::dict running() const { return named(trainer_->running()); }

 private:
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

  [[nodiscard]] py::dict named(const Averages& averages) const {
    py::dict result;
    result["loss"] = averages.loss;
    for (std::size_t i = 0; i < averages.metrics.size(); ++i) result[metrics_[i].c_str()] = averages.metrics[i];
    return result;
  }

  void add_columns(py::dict& columns, const std::string& prefix, std::span<const Averages> rows) const {
    const auto column = [&](const auto& value) {
      py::array_t<double> values(static_cast<py::ssize_t>(rows.size()));
      double* out = values.mutable_data();
      for (const Averages& row : rows) *out++ = value(row);
      return values;
    };
    columns[(prefix + "loss").c_str()] = column([](const Averages& row) { return row.loss; });
    for (std::size_t i = 0; i < metrics_.size(); ++i) {
      columns[(prefix + metrics_[i]).c_str()] = column([i](const Averages& row) { return row.metrics[i]; });
    }
  }

  std::unique_ptr<Trainer> trainer_;
  std::vector<std::string> metrics_;
  bool labels_;
  py::tuple arrays_;
};

py::array predict(Network& network, const py::array& x, double scale) {
  const train::ArrayView view = view_of(x, "x");
  py::array out = new_array(network.dtype(), {static_cast<std::int64_t>(view.rows), static_cast<std::int64_t>(network.outputs())});
  void* data = out.mutable_data();
  {
    const py::gil_scoped_release release;
    network.predict(view, scale, data);
  }
  return out;
}

void set_parameters(Network& network, const std::map<std::string, py::array>& values) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& [name, array] : values) {
    tensors.emplace_back(name, tensor_from(array.attr("astype")(name_of(network.dtype())), name.c_str()));
  }
  const py::gil_scoped_release release;
  network.set_parameters(tensors);
}

}  // namespace

void bind_training(py::module_& module) {
  py::class_<Network, std::shared_ptr<Network>>(module, "Network", py::is_final(),
                                                "The parameters of a model, in panels, and its prediction plan.")
      .def(py::init([](const graph::Graph& graph, graph::NodeId input, graph::NodeId output) {
             return std::shared_ptr<Network>(Network::make(graph, input, output));
           }),
           py::arg("graph"), py::arg("input"), py::arg("output"))
      .def_property_readonly("parameter_names", &Network::parameter_names)
      .def(
          "parameter", [](Network& network, const std::string& name) { return array_from(network.parameter(name)); },
          py::arg("name"))
      .def("set_parameters", &set_parameters, py::arg("values"))
      .def("predict", &predict, py::arg("x"), py::arg("scale") = 1.0)
      .def("explain", &Network::explain);

  py::class_<PyTrainer>(module, "Trainer", py::is_final(),
                        "One loss, one optimizer with its state, and the training plan of a network.")
      .def(py::init<std::shared_ptr<Network>, const graph::Graph&, graph::NodeId, graph::NodeId, const AnyOperation&, double, bool,
                    const std::string&, const std::map<std::string, double>&, std::vector<std::string>, double, std::uint64_t>(),
           py::arg("network"), py::arg("graph"), py::arg("input"), py::arg("output"), py::kw_only(), py::arg("loss"),
           py::arg("alpha"), py::arg("labels"), py::arg("optimizer"), py::arg("settings"), py::arg("metrics"), py::arg("threshold"),
           py::arg("seed"))
      .def_property(
          "lr", [](const PyTrainer& self) { return self.trainer().lr(); },
          [](PyTrainer& self, double lr) { self.trainer().set_lr(lr); })
      .def_property_readonly("epoch", [](const PyTrainer& self) { return self.trainer().epoch(); })
      .def_property_readonly("step", [](const PyTrainer& self) { return self.trainer().step(); })
      .def_property_readonly("steps_per_epoch", [](const PyTrainer& self) { return self.trainer().steps_per_epoch(); })
      .def_property_readonly("iterations", [](const PyTrainer& self) { return self.trainer().iterations(); })
      .def("bind", &PyTrainer::bind, py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true), py::kw_only(),
           py::arg("batch_size"), py::arg("shuffle"), py::arg("scale") = 1.0, py::arg("validation") = std::nullopt)
      .def("unbind", &PyTrainer::unbind)
      .def("run", &PyTrainer::run, py::arg("until_epoch"), py::arg("until_step"), py::arg("seconds"))
      .def("history", &PyTrainer::history, py::arg("first") = 0)
      .def("running", &PyTrainer::running)
      .def("train_on_batch", &PyTrainer::train_on_batch, py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true),
           py::arg("scale") = 1.0)
      .def("evaluate", &PyTrainer::evaluate, py::arg("x"), py::arg("y"), py::arg("sample_weight").none(true),
           py::arg("scale") = 1.0)
      .def("explain", [](PyTrainer& self) { return self.trainer().explain(); });
}

}  // namespace chainrule::bind
