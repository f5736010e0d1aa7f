// chainrule's own exceptions, and the standard ones that native errors become.
#include "base/error.h"
#include "bind/bindings.h"

namespace py = pybind11;

namespace chainrule::bind {
namespace {

PyObject* g_error = nullptr;
PyObject* g_diverged = nullptr;

PyObject* new_exception(py::module_& module, const char* name, PyObject* base, const char* documentation) {
  const std::string qualified = std::string("chainrule.") + name;
  PyObject* type = PyErr_NewExceptionWithDoc(qualified.c_str(), documentation, base, nullptr);
  if (type == nullptr) throw py::error_already_set();
  module.add_object(name, type);
  return type;
}

void raise_diverged(const TrainingDiverged& error) {
  const py::object instance = py::reinterpret_borrow<py::object>(g_diverged)(error.what());
  instance.attr("step") = error.step;
  instance.attr("layer") = error.layer;
  PyErr_SetObject(g_diverged, instance.ptr());
}

}  // namespace

void bind_errors(py::module_& module) {
  g_error = new_exception(module, "ChainruleError", PyExc_RuntimeError, "The base of chainrule's own errors.");
  g_diverged = new_exception(
      module, "TrainingDiverged", g_error,
      "The loss became NaN or infinite; `step` and `layer` say where. The model keeps the parameters from before that step.");
  new_exception(module, "CorruptFileError", g_error,
                "A file that is not what it should be: truncated, altered, or of another kind.");
  py::register_exception_translator([](std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const TrainingDiverged& e) {
      raise_diverged(e);
    } catch (const TypeError& e) {
      PyErr_SetString(PyExc_TypeError, e.what());
    } catch (const Error& e) {
      PyErr_SetString(g_error, e.what());
    }
  });
}

}  // namespace chainrule::bind
