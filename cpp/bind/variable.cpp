#include "bind/variable.h"

#include <new>

#include <pybind11/numpy.h>

#include "base/error.h"
#include "base/fp_environment.h"
#include "bind/arrays.h"
#include "bind/numpy_calls.h"
#include "bind/recording.h"
#include "bind/values.h"
#include "graph/operation.h"
#include "graph/ops/operations.h"

namespace chainrule::bind {
namespace {

namespace py = pybind11;
namespace ops = graph::ops;
using graph::kNone;
using graph::NodeId;
using graph::Operation;
using graph::Tape;

struct VariableObject {
  PyObject_HEAD alignas(Tape::Handle) unsigned char storage[sizeof(Tape::Handle)];
  [[nodiscard]] Tape::Handle& handle() noexcept { return *std::launder(reinterpret_cast<Tape::Handle*>(storage)); }
};

PyTypeObject* g_base = nullptr;   // _core.Variable
PyTypeObject* g_class = nullptr;  // what new variables are instances of
thread_local bool t_tracing = false;

PyObject* add(PyObject* a, PyObject* b) { return binary(ops::add(), a, b); }
PyObject* subtract(PyObject* a, PyObject* b) { return binary(ops::subtract(), a, b); }
PyObject* multiply(PyObject* a, PyObject* b) { return binary(ops::multiply(), a, b); }
PyObject* divide(PyObject* a, PyObject* b) { return binary(ops::divide(), a, b); }
PyObject* remainder(PyObject* a, PyObject* b) { return binary(ops::remainder(), a, b); }
PyObject* negative(PyObject* a) { return unary(ops::negate(), a); }
PyObject* absolute(PyObject* a) { return unary(ops::absolute(), a); }
PyObject* positive(PyObject* a) { return Py_NewRef(a); }

/// x ** 2 and other plain exponents have operations of their own, exact where the base is not positive.
PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) return Py_NewRef(Py_NotImplemented);
  const Tape::Handle* const base = handle_of(a);
  if (base == nullptr || !(PyFloat_Check(b) || PyLong_Check(b))) return binary(ops::pow(), a, b);
  return guarded([&]() -> PyObject* {
    const double exponent = PyFloat_AsDouble(b);
    if (exponent == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    base->tape().tidy();
    if (exponent == 2) return apply(base->tape(), ops::square(), {base->id()}).release().ptr();
    return apply(base->tape(), ops::power(), {base->id()}, {.alpha = exponent}).release().ptr();
  });
}

PyObject* floor_divide(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    return py::module_::import("numpy").attr("floor_divide")(py::handle(a), py::handle(b)).release().ptr();
  });
}

/// The value of a variable, for `use`.
py::object value_for(const Tape::Handle& handle, const char* use) {
  const graph::Node& node = handle.node();
  if (t_tracing) {
    throw TypeError(text("compile: expected a function whose course does not depend on values, got ", use, " the result of ",
                         node.operation == nullptr ? "an argument" : node.operation->name(), ", node ", handle.id(), ", of shape ",
                         graph::shape_text(node.shape), ": np.where chooses between values"));
  }
  return value_of(node.value);
}

py::object plain(PyObject* object, const char* use) {
  const Tape::Handle* const handle = handle_of(object);
  return handle == nullptr ? py::reinterpret_borrow<py::object>(object) : value_for(*handle, use);
}

/// 1 where it holds and 0 elsewhere.
PyObject* compare_recorded(PyObject* a, PyObject* b, int operation) {
  return with_both(a, b, [operation](Tape& tape, NodeId left, NodeId right) {
    switch (operation) {
      case Py_GT:
        return apply(tape, ops::exceeds(), {left, right}, {.alpha = 0});
      case Py_GE:
        return apply(tape, ops::exceeds(), {left, right}, {.alpha = 1});
      case Py_LT:
        return apply(tape, ops::exceeds(), {right, left}, {.alpha = 0});
      case Py_LE:
        return apply(tape, ops::exceeds(), {right, left}, {.alpha = 1});
      default:
        break;
    }
    const py::object equal = apply(tape, ops::equals(), {left, right});
    return operation == Py_EQ ? equal : py::float_(1.0) - equal;
  });
}

// Comparisons are of values and not recorded otherwise: they have no derivative.
PyObject* compare(PyObject* a, PyObject* b, int operation) {
  if (t_tracing) return compare_recorded(a, b, operation);
  return guarded([&]() -> PyObject* {
    const py::object left = plain(a, "a comparison with");
    const py::object right = plain(b, "a comparison with");
    PyObject* const result = PyObject_RichCompare(left.ptr(), right.ptr(), operation);
    if (result == nullptr) throw py::error_already_set();
    return result;
  });
}

int truth(PyObject* a) {
  PyObject* const value = guarded([&] { return plain(a, "a condition (if, while, and, or) on").release().ptr(); });
  if (value == nullptr) return -1;
  const int result = PyObject_IsTrue(value);
  Py_DECREF(value);
  return result;
}

PyObject* as_float(PyObject* a) {
  return guarded([&]() -> PyObject* { return PyNumber_Float(plain(a, "float() of").ptr()); });
}
PyObject* as_int(PyObject* a) {
  return guarded([&]() -> PyObject* { return PyNumber_Long(plain(a, "int() of").ptr()); });
}

Py_ssize_t length(PyObject* a) {
  const Shape& shape = handle_of(a)->node().shape;
  if (!shape.empty()) return static_cast<Py_ssize_t>(shape.front());
  PyErr_SetString(PyExc_TypeError, "len() of a variable without dimensions");
  return -1;
}

void destroy(PyObject* object) {
  reinterpret_cast<VariableObject*>(object)->handle().~Handle();
  PyTypeObject* const type = Py_TYPE(object);
  type->tp_free(object);
  Py_DECREF(type);
}

PyObject* refuse_new(PyTypeObject* /*type*/, PyObject* /*arguments*/, PyObject* /*keywords*/) {
  return PyErr_Format(PyExc_TypeError, "Variable: expected chainrule.variable(value) to make one");
}

PyObject* get_value(PyObject* a, void* /*closure*/) {
  return guarded([&]() -> PyObject* { return value_for(*handle_of(a), "the value of").release().ptr(); });
}
PyObject* get_shape(PyObject* a, void* /*closure*/) {
  return guarded([&]() -> PyObject* { return tuple_of(handle_of(a)->node().shape).release().ptr(); });
}
PyObject* get_node(PyObject* a, void* /*closure*/) { return PyLong_FromLong(handle_of(a)->id()); }
PyObject* get_dtype(PyObject* a, void* /*closure*/) {
  return guarded([&]() -> PyObject* { return numpy_type(handle_of(a)->node().dtype).release().ptr(); });
}

PyGetSetDef g_properties[] = {
    {"value", get_value, nullptr, "The value: a NumPy scalar or a new array.", nullptr},
    {"shape", get_shape, nullptr, "The shape of the value.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the value.", nullptr},
    {"node", get_node, nullptr, "The number of its node on the tape, for now: forgetting others changes it.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

template <class Function>
void* slot(Function function) {
  return reinterpret_cast<void*>(function);
}

PyTypeObject* make_type() {
  PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("A number or array that records what is done to it. Private: chainrule.variable makes them.")},
      {Py_tp_new, slot(refuse_new)},
      {Py_tp_dealloc, slot(destroy)},
      {Py_tp_getset, g_properties},
      {Py_tp_methods, numpy_methods()},
      {Py_tp_richcompare, slot(compare)},
      {Py_nb_add, slot(add)},
      {Py_nb_subtract, slot(subtract)},
      {Py_nb_multiply, slot(multiply)},
      {Py_nb_true_divide, slot(divide)},
      {Py_nb_floor_divide, slot(floor_divide)},
      {Py_nb_remainder, slot(remainder)},
      {Py_nb_power, slot(power)},
      {Py_nb_matrix_multiply, slot(matmul)},
      {Py_nb_negative, slot(negative)},
      {Py_nb_positive, slot(positive)},
      {Py_nb_absolute, slot(absolute)},
      {Py_nb_bool, slot(truth)},
      {Py_nb_float, slot(as_float)},
      {Py_nb_int, slot(as_int)},
      {Py_mp_length, slot(length)},
      {Py_mp_subscript, slot(subscript)},
      {0, nullptr}};
  PyType_Spec spec = {"chainrule._core.Variable", sizeof(VariableObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  PyObject* const type = PyType_FromSpec(&spec);
  if (type == nullptr) throw py::error_already_set();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace

void set_tracing(bool tracing) noexcept { t_tracing = tracing; }
bool is_tracing() noexcept { return t_tracing; }

Tape& tape_of(DType dtype) {
  // Never destroyed: variables may outlive whatever the interpreter takes down.
  static Tape& float32 = *new Tape(DType::float32);
  static Tape& float64 = *new Tape(DType::float64);
  switch (dtype) {
    case DType::float32:
      return float32;
    case DType::float64:
      return float64;
    case DType::int64:
      break;
  }
  throw TypeError("variable: expected float32 or float64, got int64");
}

const Tape::Handle* handle_of(PyObject* object) noexcept {
  PyTypeObject* const type = Py_TYPE(object);
  if (type != g_class && !PyType_IsSubtype(type, g_base)) return nullptr;
  return &reinterpret_cast<VariableObject*>(object)->handle();
}

py::object hold(Tape& tape, NodeId id) { return hold(tape, id, g_class); }

py::object hold(Tape& tape, NodeId id, PyTypeObject* type) {
  PyObject* const object = type->tp_alloc(type, 0);
  if (object == nullptr) throw py::error_already_set();
  new (reinterpret_cast<VariableObject*>(object)->storage) Tape::Handle(tape, id);
  return py::reinterpret_steal<py::object>(object);
}

NodeId node_of(Tape& tape, PyObject* operand) {
  if (const Tape::Handle* handle = handle_of(operand)) {
    if (&handle->tape() == &tape) return handle->id();
    throw TypeError(text("variable: expected variables of one type, got ", name_of(tape.graph().dtype()), " and ",
                         name_of(handle->tape().graph().dtype())));
  }
  const DType dtype = tape.graph().dtype();
  if (PyFloat_Check(operand) || PyLong_Check(operand)) {
    const double number = PyFloat_AsDouble(operand);
    if (number == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return tape.graph().constant(tensor_of(dtype, number));
  }
  const py::array array = py::array::ensure(py::reinterpret_borrow<py::object>(operand));
  if (!array) {
    PyErr_Clear();
    return kNone;
  }
  if (array.dtype().kind() == 'O') return kNone;
  return tape.graph().constant(tensor_of(dtype, array, "variable"));
}

PyTypeObject* variable_type() {
  if (g_base == nullptr) g_base = g_class = make_type();
  return g_base;
}

void set_variable_class(const py::type& type) {
  auto* const given = reinterpret_cast<PyTypeObject*>(type.ptr());
  if (!PyType_IsSubtype(given, g_base)) {
    throw TypeError(text("set_variable_class: expected a subclass of _core.Variable, got ", given->tp_name));
  }
  g_class = reinterpret_cast<PyTypeObject*>(py::object(type).release().ptr());
}

PyObject* binary(const Operation& operation, PyObject* a, PyObject* b) noexcept {
  return with_both(a, b, [&](Tape& tape, NodeId left, NodeId right) { return apply(tape, operation, {left, right}); });
}

PyObject* unary(const Operation& operation, PyObject* a) noexcept {
  return guarded([&]() -> PyObject* {
    const Tape::Handle& handle = *handle_of(a);
    handle.tape().tidy();
    return apply(handle.tape(), operation, {handle.id()}).release().ptr();
  });
}

py::object apply(Tape& tape, const graph::Operation& operation, graph::Operands inputs, const graph::Attributes& attributes) {
  const FpEnvironment environment;
  return hold(tape, tape.graph().apply(operation, std::move(inputs), attributes));
}

}  // namespace chainrule::bind
