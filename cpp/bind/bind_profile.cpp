// Profile: taken by the native loops, read as arrays.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <limits>

#include "bind/bindings.h"
#include "plan/measure_product.h"
#include "profile/machine.h"
#include "profile/profile.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

using profile::Event;
using profile::Profile;
using profile::ThreadProfile;
using profile::Total;

/// One element of each item.
template <class Element, class Item, class Get>
py::array_t<Element> column(const std::vector<Item>& items, const Get& get) {
  py::array_t<Element> values(static_cast<py::ssize_t>(items.size()));
  Element* out = values.mutable_data();
  for (const Item& item : items) *out++ = static_cast<Element>(get(item));
  return values;
}

py::dict dict_of(const ThreadProfile& thread) {
  py::dict totals;
  totals["label"] = column<std::int64_t>(thread.totals, [](const Total& t) { return t.what; });
  totals["calls"] = column<std::int64_t>(thread.totals, [](const Total& t) { return t.calls; });
  totals["seconds"] = column<double>(thread.totals, [](const Total& t) { return t.seconds; });
  totals["flops"] = column<double>(thread.totals, [](const Total& t) { return t.work.flops; });
  totals["bytes"] = column<double>(thread.totals, [](const Total& t) { return t.work.bytes; });
  py::dict events;
  events["label"] = column<std::int64_t>(thread.events, [](const Event& e) { return e.what; });
  events["begin"] = column<double>(thread.events, [](const Event& e) { return e.begin; });
  events["end"] = column<double>(thread.events, [](const Event& e) { return e.end; });
  events["sample"] = column<double>(
      thread.events, [](const Event& e) { return e.is_sample ? e.value : std::numeric_limits<double>::quiet_NaN(); });
  py::dict result;
  result["name"] = thread.name;
  result["steps"] = thread.steps;
  result["dropped"] = thread.dropped;
  result["totals"] = totals;
  result["events"] = events;
  return result;
}

}  // namespace

void bind_profile(py::module_& module) {
  py::class_<Profile>(module, "Profile", py::is_final(), "What native loops and Python's spans say, from construction to `stop`.")
      .def(py::init([](std::size_t first_steps, std::size_t last_steps) {
             return std::make_unique<Profile>(profile::TraceLimits{first_steps, last_steps});
           }),
           py::kw_only(), py::arg("first_steps"), py::arg("last_steps"))
      .def("stop", &Profile::stop)
      .def_property_readonly("seconds", &Profile::seconds)
      .def("threads", [](const Profile& self) {
        py::list all;
        for (const ThreadProfile& thread : self.threads()) all.append(dict_of(thread));
        return all;
      });
  module.attr("TRIAD_BYTES") = profile::kTriadBytes;
  module.def(
      "measure_machine",
      [](const std::string& isa, int threads, double seconds) {
        profile::MachinePeaks peaks;
        {
          const py::gil_scoped_release release;
          peaks = profile::measure_machine(isa, threads, seconds);
        }
        return py::dict(py::arg("flops_f32") = peaks.flops_f32, py::arg("flops_f64") = peaks.flops_f64,
                        py::arg("bytes") = peaks.bytes);
      },
      py::arg("isa"), py::arg("threads"), py::arg("seconds"));
  module.def(
      "measure_product",
      [](std::size_t m, std::size_t k, std::size_t n, int threads, double seconds) {
        const py::gil_scoped_release release;
        return plan::measure_product<float>(m, k, n, threads, seconds);
      },
      py::arg("m"), py::arg("k"), py::arg("n"), py::arg("threads"), py::arg("seconds"));
  module.def(
      "profile_label", [](const std::string& operation) { return profile::label(operation); }, py::arg("operation"));
  module.def("profile_labels", [] {
    py::list all;
    for (const profile::LabelText& label : profile::labels()) all.append(py::make_tuple(label.operation, label.layer, label.type));
    return all;
  });
  module.def(
      "profile_begin", [](profile::Label what) { profile::detail::begin(what, {}); }, py::arg("label"));
  module.def("profile_end", [] { profile::detail::end(); });
  module.def("profiling", &profile::listening);
}

}  // namespace chainrule::bind
