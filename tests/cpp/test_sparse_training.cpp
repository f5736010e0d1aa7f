// Training with sparse rows: the bytes of the dense run, arrays that change meanwhile are never believed, and what is no product
// with a parameter is refused.
#include <functional>
#include <string>

#include "base/threads.h"
#include "check.h"
#include "plan/team_cost.h"
#include "train/row_gradients.h"
#include "training_data.h"

using namespace chainrule;
using namespace chainrule::test;
using namespace chainrule::train;

namespace {

constexpr std::size_t kRows = 50;
constexpr std::size_t kColumns = 37;

template <class Element>
ArrayView view_of(const std::vector<Element>& values, kernels::Source type) {
  return {values.data(), type, sizeof(Element), 0, values.size(), 1};
}

/// Every third element of random data, dense and sparse.
struct SparseData : Data {
  SparseData() : Data(kRows, kColumns, 3) {
    for (std::size_t i = 0; i < kRows; ++i) {
      for (std::size_t j = 0; j < kColumns; ++j) {
        double& value = x.data<double>()[i * kColumns + j];
        if ((i * 7 + j * 5) % 3 != 0 || i % 10 == 0) {
          value = 0;
          continue;
        }
        entries.push_back(value);
        columns.push_back(static_cast<std::int32_t>(j));
      }
      offsets.push_back(static_cast<std::int64_t>(entries.size()));
    }
  }
  [[nodiscard]] SparseView view() const {
    return {view_of(entries, kernels::Source::float64), view_of(columns, kernels::Source::int32),
            view_of(offsets, kernels::Source::int64), kColumns};
  }
  [[nodiscard]] Dataset sparse() const {
    Dataset data = values();
    data.x[0] = {{}, 1, view()};
    return data;
  }
  std::vector<double> entries;
  std::vector<std::int32_t> columns;
  std::vector<std::int64_t> offsets = {0};
};

struct Trained {
  explicit Trained(const Model& model) : net(network(model)) {
    TrainerSettings settings;
    settings.heads.resize(1);
    settings.heads[0].loss = graph::shared_operation("mse");
    settings.optimizer = optimizer_settings("adam", {{"lr", 0.01}, {"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}});
    trainer = Trainer::make(net, model.graph, {model.input}, {model.output}, settings);
  }
  std::shared_ptr<Network> net;
  std::unique_ptr<Trainer> trainer;
};

std::vector<unsigned char> after_fit(const Dataset& data, DType dtype, std::int64_t units) {
  const Trained trained(mlp(dtype, {kColumns, units, 3}, "relu"));
  trained.trainer->bind(data, 8, true, data);
  trained.trainer->run({2, 0, kForever}, {});
  trained.trainer->unbind();
  trained.trainer->train_on_batch(data);
  return bytes_of(*trained.net);
}

void test_bytes() {
  const SparseData data;
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const std::int64_t units : {2, 16, 40}) {
      const std::vector<unsigned char> expected = after_fit(data.values(), dtype, units);
      for (const int threads : {1, 2, 5}) {
        override_threads(threads);
        CHECK_THAT(after_fit(data.sparse(), dtype, units) == expected, units << " units, " << threads << " threads");
      }
      override_threads(0);
    }
  }
}

/// Whether `run` throws std::invalid_argument with a text that contains `part`.
bool refuses(const std::function<void()>& run, const std::string& part) {
  try {
    run();
  } catch (const std::invalid_argument& error) {
    const bool found = std::string(error.what()).find(part) != std::string::npos;
    CHECK_THAT(found, error.what());
    return found;
  }
  return false;
}

void test_arrays_that_change() {
  const Model model = mlp(DType::float32, {kColumns, 8, 3}, "relu");
  using Change = std::function<void(SparseData&)>;
  const Change changes[] = {
      [](SparseData& data) { data.columns[9] = 1 << 30; },         [](SparseData& data) { data.columns[9] = -5; },
      [](SparseData& data) { data.columns[9] = data.columns[8]; }, [](SparseData& data) { data.offsets.front() = -(1LL << 60); },
      [](SparseData& data) { data.offsets.back() = 1LL << 60; },   [](SparseData& data) { data.offsets[7] = 0; }};
  for (const Change& change : changes) {
    for (const int threads : {1, 3}) {
      override_threads(threads);
      SparseData data;
      const Trained trained(model);
      trained.trainer->bind(data.sparse(), kRows, false, std::nullopt);
      const std::vector<unsigned char> before = bytes_of(*trained.net);
      change(data);
      try {
        trained.trainer->run({1, 0, kForever}, {});
      } catch (const std::invalid_argument& error) {
        CHECK_THAT(bytes_of(*trained.net) == before, error.what());
      }
      trained.trainer->unbind();
      CHECK(refuses([&] { trained.trainer->bind(data.sparse(), kRows, false, std::nullopt); }, "fit: expected x "));
    }
  }
  override_threads(0);
}

void test_what_is_refused() {
  const SparseData data;
  Model model{graph::Graph(DType::float32)};
  graph::Graph& g = model.graph;
  model.input = g.input("x", {graph::kRows, kColumns}, DType::float32);
  const graph::NodeId h = g.apply(graph::operation_named("tanh"), {model.input}, {}, "first");
  model.output = g.apply(graph::operation_named("matmul"), {h, g.parameter("w", {kColumns, 3})}, {}, "second");
  const Trained trained(model);
  std::vector<float> out(kRows * 3);
  void* const to = out.data();
  const Dataset sparse = data.sparse();
  const std::string message = "first: expected a dense x, got a sparse one";
  CHECK(refuses([&] { trained.net->predict(sparse.x, {&to, 1}); }, message));
  // A second time too: what could not be planned has left no trace.
  for (int i = 0; i < 2; ++i) {
    CHECK(refuses([&] { trained.trainer->bind(sparse, 8, false, std::nullopt); }, message));
    CHECK(refuses([&] { trained.trainer->train_on_batch(sparse); }, message));
    CHECK(refuses([&] { trained.trainer->evaluate(sparse); }, message));
  }
  trained.trainer->train_on_batch(data.values());
  const std::shared_ptr<Network> net = network(mlp(DType::float32, {kColumns, 3}, "relu"));
  const auto jacobian = RowGradients::make(net, nullptr, 0, false);
  CHECK(refuses([&] { jacobian->run(sparse, to); }, "residual_jacobian: expected a dense x"));
}

void test_work_is_that_of_the_entries() {
  const Model model = mlp(DType::float32, {kColumns, 8}, "relu");
  plan::Parameters<float> store;
  for (const graph::NodeId id : model.graph.parameters()) store.add(model.graph.node(id).name, model.graph.node(id).shape);
  const plan::Request request{.inputs = {model.input}, .sparse = {true}, .outputs = {model.output}};
  const plan::Program<float> program = plan::make_program<float>(model.graph, request, store, 8);
  const double entries[] = {2.5};
  CHECK(plan::work_of(program, 10, entries).row_flops == 2 * 2.5 * 8 * 10);
  CHECK(program.inputs[0].columns == 0 && program.features[0] == kColumns);
  CHECK(entries_of(SparseData().view(), {0, kRows}) == SparseData().entries.size());
  CHECK(most_entries(SparseData().view(), 1) == 13 && most_entries(SparseData().view(), 2 * kRows) == SparseData().entries.size());
}

}  // namespace

int main() {
  test_bytes();
  test_arrays_that_change();
  test_what_is_refused();
  test_work_is_that_of_the_entries();
  return finish();
}
