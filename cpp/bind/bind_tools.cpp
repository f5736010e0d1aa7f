// What is neither graph nor training: checks of arrays, random numbers, threads and processor.
#include <pybind11/stl.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/fp_environment.h"
#include "base/team.h"
#include "base/threads.h"
#include "bind/array_view.h"
#include "bind/arrays.h"
#include "bind/bindings.h"
#include "kernels/table.h"
#include "plan/schedule.h"
#include "train/initialize.h"
#include "train/orthogonal.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

/// Others run Python meanwhile; the arithmetic is that of training, whatever the caller has set.
template <class Run>
auto computed(const Run& run) {
  const py::gil_scoped_release release;
  const FpEnvironment environment;
  return run();
}

void override_schedule(const std::optional<std::string>& schedule) {
  if (!schedule) return plan::override_schedule(std::nullopt);
  for (const plan::Schedule known : {plan::Schedule::rows, plan::Schedule::columns}) {
    if (*schedule == plan::name_of(known)) return plan::override_schedule(known);
  }
  throw std::invalid_argument(text("override_schedule: expected rows or columns, got ", *schedule));
}

std::vector<std::string> activation_names() {
  return {
#define CHAINRULE_ACTIVATION(name, saved, alpha) #name,
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
      "softmax", "log_softmax"};
}

std::vector<std::string> loss_names() {
  return {
#define CHAINRULE_LOSS(name, alpha, labels, values) #name,
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
  };
}

py::dict limits() {
  const ThreadLimits found = thread_limits();
  py::dict result;
  result["affinity"] = found.affinity;
  result["cgroup"] = found.cgroup;
  result["openmp"] = found.openmp;
  result["environment"] = found.environment;
  result["chosen"] = found.chosen;
  result["caller"] = found.caller;
  result["least"] = found.least();
  return result;
}

py::dict build_info() {
  py::dict info;
  info["version"] = CHAINRULE_VERSION;
  info["compiler"] = __VERSION__;
  info["flags"] = CHAINRULE_FLAGS;
  info["openmp"] = std::to_string(openmp_version());
#if defined(__SANITIZE_ADDRESS__)
  info["sanitizer"] = "address";
#elif defined(__SANITIZE_THREAD__)
  info["sanitizer"] = "thread";
#endif
  return info;
}

}  // namespace

void bind_tools(py::module_& module) {
  module.def(
      "random_uniform",
      [](const Shape& shape, double low, double high, std::uint64_t seed, std::uint32_t key) {
        return array_from(computed([&] { return train::random_uniform(shape, low, high, seed, key); }));
      },
      py::arg("shape"), py::arg("low"), py::arg("high"), py::kw_only(), py::arg("seed"), py::arg("key"));
  module.def(
      "random_normal",
      [](const Shape& shape, double mean, double std, std::uint64_t seed, std::uint32_t key) {
        return array_from(computed([&] { return train::random_normal(shape, mean, std, seed, key); }));
      },
      py::arg("shape"), py::arg("mean"), py::arg("std"), py::kw_only(), py::arg("seed"), py::arg("key"));
  module.def(
      "random_truncated_normal",
      [](const Shape& shape, double mean, double std, std::uint64_t seed, std::uint32_t key) {
        return array_from(computed([&] { return train::random_truncated_normal(shape, mean, std, seed, key); }));
      },
      py::arg("shape"), py::arg("mean"), py::arg("std"), py::kw_only(), py::arg("seed"), py::arg("key"));
  module.def(
      "random_orthogonal",
      [](std::int64_t rows, std::int64_t columns, double gain, std::uint64_t seed, std::uint32_t key) {
        return array_from(computed([&] { return train::random_orthogonal(rows, columns, gain, seed, key); }));
      },
      py::arg("rows"), py::arg("columns"), py::arg("gain"), py::kw_only(), py::arg("seed"), py::arg("key"));
  module.def(
      "require_finite",
      [](const py::object& array, const std::string& operation, const std::string& name, std::size_t first_row) {
        const train::Feature feature = feature_of(array, name.c_str(), 1);
        if (feature.sparse) {
          const py::gil_scoped_release release;
          train::check_sparse(*feature.sparse, operation, name);
          return train::check_finite(*feature.sparse, DType::float64, {}, {first_row, feature.rows()}, operation, name);
        }
        const train::ArrayView& view = feature.array;
        const std::int64_t position = computed([&] {
          return train::first_nonfinite(view, DType::float64, {}, {first_row, view.rows});
        });
        if (position >= 0) train::throw_nonfinite(view, position, operation, name);
      },
      py::arg("array"), py::arg("operation"), py::arg("name"), py::arg("first_row") = 0);
  module.def(
      "is_canonical",
      [](const py::object& rows, const std::string& operation, const std::string& name) {
        const train::SparseView view = sparse_view_of(rows, name.c_str());
        return computed([&] { return train::is_canonical(view, operation, name); });
      },
      py::arg("rows"), py::arg("operation"), py::arg("name"));
  module.def(
      "label_range",
      [](const py::array& y) {
        const train::ArrayView view = view_of(y, "label_range");
        return computed([&] { return train::integer_range(view); });
      },
      py::arg("y"));
  module.def("activation_names", &activation_names);
  module.def("loss_names", &loss_names);
  module.def("set_num_threads", &set_num_threads, py::arg("count"));
  module.def("limit_caller", &limit_caller, py::arg("count"));
  module.def("override_threads", &override_threads, py::arg("count"));
  module.def("override_schedule", &override_schedule, py::arg("schedule"));
  module.def("get_num_threads", &max_threads);
  module.def("thread_limits", &limits);
  module.def("supported_isas", [] {
    std::vector<std::string> names;
    for (const Isa isa : supported_isas()) names.emplace_back(name_of(isa));
    return names;
  });
  module.def("active_isa", [] { return kernels::active_tables().isa; });
  module.def("cpu_name", &cpu_name);
  module.def("build_info", &build_info);
}

}  // namespace chainrule::bind
