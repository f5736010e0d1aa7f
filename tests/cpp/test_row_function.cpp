// graph/row_function: any number of rows, derivatives, and training with them, the same bits for any team.
#include "graph/row_function.h"

#include <cmath>
#include <cstring>

#include "base/threads.h"
#include "check.h"
#include "graph/differentiate.h"
#include "graph/interpreter.h"
#include "plan/schedule.h"
#include "training_data.h"

using namespace chainrule;
using namespace chainrule::graph;
using namespace chainrule::test;

namespace {

const Operation& op(const char* name) { return operation_named(name); }

/// tanh(x) * x, of `columns` columns.
Recorded gate(DType dtype, std::int64_t columns, std::size_t rows) {
  Recorded recorded{Graph(dtype), {}, {}};
  Graph& g = recorded.graph;
  const NodeId x = g.input("x", {static_cast<std::int64_t>(rows), columns}, dtype);
  recorded.inputs = {x};
  recorded.outputs = {g.apply(op("multiply"), {g.apply(op("tanh"), {x}), x})};
  return recorded;
}

/// The sum over a row of the fourth powers of what is between prediction and target.
Recorded fourth_power(DType dtype, std::int64_t columns, std::size_t rows) {
  Recorded recorded{Graph(dtype), {}, {}};
  Graph& g = recorded.graph;
  const Shape shape = {static_cast<std::int64_t>(rows), columns};
  recorded.inputs = {g.input("p", shape, dtype), g.input("t", shape, dtype)};
  const NodeId square = g.apply(op("square"), {g.apply(op("subtract"), {recorded.inputs[0], recorded.inputs[1]})});
  recorded.outputs = {g.apply(op("sum"), {g.apply(op("square"), {square})}, {.axes = {1}})};
  return recorded;
}

template <class Record>
std::shared_ptr<const RowFunction> function(const char* name, DType dtype, std::int64_t columns, const Record& record) {
  return std::make_shared<RowFunction>(name, record(dtype, columns, kFewRows), record(dtype, columns, kManyRows));
}

void test_any_number_of_rows() {
  const auto f = function("gate", DType::float64, 3, gate);
  CHECK(f->runner()->by_element());
  Graph g(DType::float64);
  const NodeId x = g.input("x", {kRows, 3}, DType::float64);
  const NodeId tangent = g.input("tangent", {kRows, 3}, DType::float64);
  g.keep(f);
  const NodeId y = g.apply(*f, {x});
  const NodeId ends[] = {y};
  const NodeId starts[] = {x};
  const NodeId moved[] = {tangent};
  const NodeId pulled = reverse(g, ends, moved, starts).front();
  const NodeId pushed = forward(g, starts, moved, ends).front();
  CHECK(pulled != kNone && pushed != kNone);
  for (const std::int64_t rows : {0, 1, 8, 9, 64, 72, 73, 200}) {
    const Tensor at = random_normal({rows, 3}, 0, 1, 5, 0);
    const Tensor direction = random_normal({rows, 3}, 0, 1, 6, 0);
    const NodeId wanted[] = {y, pulled, pushed};
    const Feed feeds[] = {{x, at}, {tangent, direction}};
    const std::vector<Tensor> got = evaluate(g, wanted, feeds);
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double v = at.data<double>()[i];
      const double slope = std::tanh(v) + v * (1 - std::tanh(v) * std::tanh(v));
      CHECK(std::abs(got[0].data<double>()[i] - std::tanh(v) * v) < 1e-14);
      CHECK(std::abs(got[1].data<double>()[i] - slope * direction.data<double>()[i]) < 1e-13);
      CHECK(std::abs(got[2].data<double>()[i] - slope * direction.data<double>()[i]) < 1e-13);
    }
  }
}

void test_shapes() {
  const auto f = function("gate", DType::float32, 3, gate);
  Graph g(DType::float32);
  CHECK_THROWS(g.apply(*f, {g.input("a", {kRows, 4}, DType::float32)}), std::invalid_argument);
  CHECK_THROWS(g.apply(*f, {g.input("b", {3}, DType::float32)}), std::invalid_argument);
  CHECK_THROWS(
      function("gate", DType::float32, 3, [](DType dtype, std::int64_t columns, std::size_t) { return gate(dtype, columns, 5); }),
      std::invalid_argument);
}

/// The parameters after three epochs.
template <class T>
std::vector<std::vector<T>> trained(int threads, plan::Schedule schedule) {
  constexpr DType dtype = kDType<T>;
  constexpr std::int64_t kWidth = 70;
  Model model{Graph(dtype)};
  Graph& g = model.graph;
  model.input = g.input("x", {kRows, 5}, dtype);
  const NodeId w = g.parameter("w", {5, kWidth});
  const NodeId v = g.parameter("v", {kWidth, 2});
  const auto activation = function("gate", dtype, kWidth, gate);
  g.keep(activation);
  const NodeId h = g.apply(*activation, {g.apply(op("matmul"), {model.input, w})});
  model.output = g.apply(op("matmul"), {h, v});
  const std::shared_ptr<Network> net = network(model);
  TrainerSettings settings;
  settings.heads.resize(1);
  settings.heads[0].loss = function("fourth_power", dtype, 2, fourth_power);
  settings.optimizer = optimizer_settings("sgd", {{"lr", 1e-4}});
  settings.heads[0].metrics.metrics = {{train::MetricKind::mse}};
  const auto trainer = Trainer::make(net, model.graph, {model.input}, {model.output}, settings);
  const Data data(150, 5, 2);
  override_threads(threads);
  plan::override_schedule(schedule);
  trainer->bind(data.values(), 40, true, data.values());
  trainer->run({3, 0, 1e9}, {});
  override_threads(0);
  plan::override_schedule(std::nullopt);
  CHECK(trainer->history().back().loss < trainer->history().front().loss);
  std::vector<std::vector<T>> values;
  for (const char* name : {"w", "v"}) {
    const Tensor value = net->parameter(name);
    values.emplace_back(value.data<T>(), value.data<T>() + value.size());
  }
  return values;
}

template <class T>
void test_training() {
  const auto expected = trained<T>(1, plan::Schedule::rows);
  for (const int threads : {2, 3, 7}) CHECK(trained<T>(threads, plan::Schedule::rows) == expected);
  for (const int threads : {1, 2, 3}) CHECK(trained<T>(threads, plan::Schedule::columns) == expected);
}

}  // namespace

int main() {
  test_any_number_of_rows();
  test_shapes();
  test_training<float>();
  test_training<double>();
  return finish();
}
