// plan and train: one step against long-hand arithmetic, the same bits for any team, errors that leave the parameters alone.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/threads.h"
#include "check.h"
#include "train/run.h"
#include "train/shuffle.h"
#include "training_data.h"

using namespace chainrule;
using namespace chainrule::test;
using namespace chainrule::train;

namespace {

TrainerSettings settings(const std::string& loss, bool labels, const std::string& optimizer) {
  TrainerSettings all;
  all.heads.resize(1);
  all.heads[0].loss = graph::shared_operation(loss);
  all.heads[0].metrics.labels = labels;
  all.optimizer = optimizer == "sgd"
                      ? optimizer_settings("sgd", {{"lr", 0.1}})
                      : optimizer_settings("adam", {{"lr", 0.01}, {"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}});
  all.seed = 5;
  return all;
}

// y = x w + b with half_mse and SGD: dw = x^T (y_hat - y) / rows, in the contract's order of operations.
void test_one_step() {
  const Model model = mlp(DType::float64, {3, 2}, "relu");
  const std::shared_ptr<Network> net = network(model);
  const Data data(5, 3, 2);
  Tensor w = net->parameter("dense_0.kernel");
  Tensor b = net->parameter("dense_0.bias");
  double gradient[3][2] = {};
  double bias_gradient[2] = {};
  double loss = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    double row = 0;
    for (std::size_t j = 0; j < 2; ++j) {
      double z = 0;
      for (std::size_t k = 0; k < 3; ++k) z = std::fma(data.x.data<double>()[i * 3 + k], w.data<double>()[k * 2 + j], z);
      const double difference = z + b.data<double>()[j] - data.y.data<double>()[i * 2 + j];
      row += 0.5 * difference * difference;
      for (std::size_t k = 0; k < 3; ++k) gradient[k][j] += data.x.data<double>()[i * 3 + k] * difference / 5;
      bias_gradient[j] += difference / 5;
    }
    loss += row / 5;
  }
  const auto trainer = Trainer::make(net, model.graph, {model.input}, {model.output}, settings("half_mse", false, "sgd"));
  const Averages averages = trainer->train_on_batch(data.values());
  CHECK(std::abs(averages.loss - loss) < 1e-14);
  for (std::size_t j = 0; j < 2; ++j) {
    const double bias = net->parameter("dense_0.bias").data<double>()[j];
    CHECK(std::abs(bias - (b.data<double>()[j] - 0.1 * bias_gradient[j])) < 1e-15);
    for (std::size_t k = 0; k < 3; ++k) {
      const double weight = net->parameter("dense_0.kernel").data<double>()[k * 2 + j];
      CHECK(std::abs(weight - (w.data<double>()[k * 2 + j] - 0.1 * gradient[k][j])) < 1e-15);
    }
  }
  CHECK(trainer->iterations() == 1);
}

using MakeModel = std::function<Model(double dropout)>;

MakeModel chain(DType dtype, const std::vector<std::int64_t>& sizes) {
  return [=](double dropout) { return mlp(dtype, sizes, "tanh", dropout); };
}

// 6 features, 3 outputs, and no chain: h goes to a product and to the gate that its result passes.
MakeModel gated(DType dtype) {
  return [=](double) {
    Model model{graph::Graph(dtype)};
    graph::Graph& g = model.graph;
    const auto dense = [&](graph::NodeId from, const std::string& layer, std::int64_t in, std::int64_t out) {
      return g.apply(graph::operation_named("matmul"), {from, g.parameter(layer + ".kernel", {in, out})}, {}, layer);
    };
    constexpr std::int64_t kWidth = 240;  // panels to share for 7 threads
    model.input = g.input("x", {graph::kRows, 6}, dtype);
    const graph::NodeId h = dense(model.input, "first", 6, kWidth);
    const graph::NodeId value = dense(h, "value", kWidth, kWidth);
    const graph::NodeId gate = g.apply(graph::operation_named("sigmoid"), {h});
    model.output = dense(g.apply(graph::operation_named("multiply"), {value, gate}), "last", kWidth, 3);
    return model;
  };
}

/// How an optimizer's update comes to its gradients: at once, through memory that changes nothing, or clipped, from two batches.
enum class Gradients { direct, stored, changed };

std::vector<unsigned char> trained(const MakeModel& make, bool labels, int threads, std::size_t step_at_a_time,
                                   Gradients gradients = Gradients::direct) {
  const Model training = make(0.25);
  const auto width = [&](graph::NodeId id) { return static_cast<std::size_t>(training.graph.node(id).shape[1]); };
  const Data data(101, width(training.input), width(training.output));
  const std::shared_ptr<Network> net = network(make(0));
  TrainerSettings slow = settings(labels ? "cross_entropy" : "mse", labels, labels ? "adam" : "sgd");
  if (!labels) slow.optimizer = optimizer_settings("sgd", {{"lr", 1e-3}});
  slow.optimizer.ema = 0.9;
  if (gradients == Gradients::stored) slow.optimizer.clipnorm = 1e30;
  if (gradients == Gradients::changed) {
    slow.optimizer.clipnorm = 0.05;
    slow.optimizer.accumulate = 2;
  }
  const auto trainer = Trainer::make(net, training.graph, {training.input}, {training.output}, slow);
  override_threads(threads);
  const Dataset set = labels ? data.classes() : data.values();
  trainer->bind(set, 32, true, set);
  if (step_at_a_time == 0) {
    CHECK(trainer->run({3, 0, kForever}, {}) == RunStatus::epoch);
  } else {
    while (trainer->epoch() < 3) trainer->run({3, trainer->step() + step_at_a_time, kForever}, {});
  }
  override_threads(0);
  CHECK(trainer->iterations() == 12);
  CHECK(trainer->history().size() == 3 && trainer->validation_history().size() == 3);
  std::vector<unsigned char> bytes = bytes_of(*net);
  for (const auto& [name, average] : trainer->ema_parameters()) append(bytes, average);
  return bytes;
}

void test_same_bits() {
  std::vector<MakeModel> models;
  for (const DType dtype : {DType::float32, DType::float64}) {
    models.push_back(gated(dtype));
    for (const std::vector<std::int64_t>& sizes : std::vector<std::vector<std::int64_t>>{
             {2, 8, 1}, {5, 33, 17, 3}, {70, 130, 4}, {1, 1, 2}, {16, 64, 64, 16}, {9, 230, 4}}) {
      models.push_back(chain(dtype, sizes));
    }
  }
  std::size_t different = 0;
  for (const MakeModel& make : models) {
    for (const bool labels : {false, true}) {
      const auto expected = trained(make, labels, 1, 0);
      for (const int threads : {2, 3, 4, 7}) CHECK(trained(make, labels, threads, 0) == expected);
      plan::override_schedule(plan::Schedule::columns);
      for (const int threads : {1, 2, 3, 7}) CHECK(trained(make, labels, threads, 0) == expected);
      plan::override_schedule(std::nullopt);
      CHECK(trained(make, labels, 2, 1) == expected);
      CHECK(trained(make, labels, 1, 3) == expected);
      CHECK(trained(make, labels, 2, 0, Gradients::stored) == expected);
      const auto changed = trained(make, labels, 1, 0, Gradients::changed);
      different += changed != expected ? 1 : 0;
      for (const int threads : {2, 3}) CHECK(trained(make, labels, threads, 0, Gradients::changed) == changed);
      plan::override_schedule(plan::Schedule::columns);
      CHECK(trained(make, labels, 3, 0, Gradients::changed) == changed);
      plan::override_schedule(std::nullopt);
    }
  }
  CHECK(different == 2 * models.size() - 2);  // the softmax of one column has no gradient
}

// The gradient of all rows, in blocks, against differences of the loss; without a frozen parameter, which no step moves.
void test_groups_and_gradients() {
  const Model model = mlp(DType::float64, {3, 5, 2}, "tanh");
  const std::shared_ptr<Network> net = network(model);
  const Data data(2500, 3, 2);
  const auto trainer = Trainer::make(net, model.graph, {model.input}, {model.output}, settings("mse", false, "adam"));
  trainer->set_groups({"dense_0.kernel"}, {{"dense_1.bias", 0.5}});
  const std::optional<LossAndGradients> found = trainer->loss_and_gradients(data.values(), {});
  CHECK(found && found->gradients.size() == 3 && found->gradients[0].first == "dense_0.bias");
  CHECK(std::abs(found->loss - trainer->evaluate(data.values()).loss) < 1e-14);
  for (const auto& [name, gradient] : found->gradients) {
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      constexpr double kStep = 1e-6;
      double side[2] = {};
      const Tensor value = net->parameter(name);
      for (const int sign : {0, 1}) {
        const Tensor moved = value.clone();
        moved.data<double>()[i] += sign == 0 ? -kStep : kStep;
        net->set_parameters({{name, moved}});
        side[sign] = trainer->evaluate(data.values()).loss;
      }
      net->set_parameters({{name, value}});
      CHECK(std::abs((side[1] - side[0]) / (2 * kStep) - gradient.data<double>()[i]) < 1e-8);
    }
  }
  for (const int threads : {1, 2, 3}) {
    override_threads(threads);
    const std::optional<LossAndGradients> again = trainer->loss_and_gradients(data.values(), {});
    override_threads(0);
    for (std::size_t i = 0; i < found->gradients.size(); ++i) {
      std::vector<unsigned char> a, b;
      append(a, again->gradients[i].second);
      append(b, found->gradients[i].second);
      CHECK(a == b);
    }
  }
  std::vector<unsigned char> before, after;
  append(before, net->parameter("dense_0.kernel"));
  trainer->train_on_batch(data.values());
  append(after, net->parameter("dense_0.kernel"));
  CHECK(before == after);
  CHECK_THROWS(trainer->set_groups({"unheard_of"}, {}), std::invalid_argument);
  CHECK_THROWS(optimizer_settings("lion", {{"epsilon", 1}}), std::invalid_argument);
}

// A run ends where its learning rates do.
void test_learning_rates() {
  const Model model = mlp(DType::float64, {4, 3}, "relu");
  const auto trainer = Trainer::make(network(model), model.graph, {model.input}, {model.output}, settings("mse", false, "sgd"));
  const Data data(40, 4, 3);
  trainer->bind(data.values(), 4, true, std::nullopt);
  trainer->set_lrs({0.1, 0.2, 0.3});
  CHECK(trainer->run({2, 0, kForever}, {}) == RunStatus::time);
  CHECK(trainer->iterations() == 3 && trainer->lr() == 0.3);
  trainer->set_lr(0.5);
  CHECK(trainer->run({2, 0, kForever}, {}) == RunStatus::epoch);
  CHECK(trainer->iterations() == 20 && trainer->lr() == 0.5);
}

void test_divergence() {
  const Model model = mlp(DType::float32, {4, 8, 2}, "relu");
  const std::shared_ptr<Network> net = network(model);
  const auto trainer = Trainer::make(net, model.graph, {model.input}, {model.output}, settings("mse", false, "sgd"));
  const Data data(8, 4, 2);
  trainer->train_on_batch(data.values());
  Tensor tens(DType::float32, {4, 8});
  std::fill_n(tens.data<float>(), 32, 10.0F);
  net->set_parameters({{"dense_0.kernel", tens}});
  const auto before = bytes_of(*net);
  for (const double bad : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN(), 1e39}) {
    data.x.data<double>()[5] = bad;
    CHECK_THROWS(trainer->train_on_batch(data.values()), std::invalid_argument);
    CHECK(bytes_of(*net) == before);
  }
  data.x.data<double>()[5] = 3e38;  // a float, but not ten times it
  bool named = false;
  try {
    trainer->train_on_batch(data.values());
  } catch (const TrainingDiverged& error) {
    named = error.step == 1 && error.layer == "dense_0";
  }
  CHECK(named);
  CHECK(bytes_of(*net) == before);
  data.x.data<double>()[5] = 0;
  data.y.data<double>()[5] = 1e30;  // its square is no float, whatever is predicted
  std::string where;
  try {
    trainer->train_on_batch(data.values());
  } catch (const TrainingDiverged& error) {
    where = error.layer;
  }
  CHECK(where == "mse");
  CHECK(trainer->iterations() == 1);
}

/// Gradients without a finite norm: the loss is finite, the product of an error and a feature is not.
void test_norms_that_overflow() {
  const Model model = mlp(DType::float32, {4, 2}, "relu");
  const std::shared_ptr<Network> net = network(model);
  TrainerSettings clipped = settings("mse", false, "sgd");
  clipped.optimizer.clipnorm = 1;
  const auto trainer = Trainer::make(net, model.graph, {model.input}, {model.output}, clipped);
  const Data data(8, 4, 2);
  for (std::size_t i = 0; i < data.x.size(); ++i) data.x.data<double>()[i] = 1e25;
  std::fill_n(data.y.data<double>(), data.y.size(), 1e15);
  net->set_parameters({{"dense_0.kernel", Tensor(DType::float32, {4, 2})}});
  const auto zeros = bytes_of(*net);
  std::string where;
  try {
    trainer->train_on_batch(data.values());
  } catch (const TrainingDiverged& error) {
    where = error.layer;
    CHECK(std::string(error.what()).find("norm of the gradients") != std::string::npos);
  }
  CHECK(where == "dense_0.kernel");
  CHECK(bytes_of(*net) == zeros && trainer->iterations() == 0);
}

/// An error in one member of a team reaches the caller, and none of the others waits for that member.
void test_errors_in_teams() {
  for (const int threads : {1, 2, 4}) {
    for (int faulty = 0; faulty < threads; ++faulty) {
      Run run({}, {}, Clock::now(), threads);
      std::atomic<int> saw{0};
      const auto body = [&](int thread) {
        for (int step = 0; !run.failed(); ++step) {
          run.barrier.wait();
          if (thread == faulty && step == 3) throw std::bad_alloc();
          run.barrier.wait();
        }
        saw.fetch_add(1);
      };
      CHECK_THROWS(run.team(body), std::bad_alloc);
      CHECK(saw.load() == threads - 1);
    }
  }
}

void test_refusals() {
  const Model model = mlp(DType::float32, {4, 3}, "relu");
  const std::shared_ptr<Network> net = network(model);
  Data data(6, 4, 3);
  const auto trainer = Trainer::make(net, model.graph, {model.input}, {model.output}, settings("cross_entropy", true, "adam"));
  const auto before = bytes_of(*net);
  CHECK_THROWS(trainer->train_on_batch(data.values()), std::invalid_argument);
  CHECK_THROWS(trainer->run({1, 0, 1}, {}), Error);
  data.labels[3] = 3;
  CHECK_THROWS(trainer->train_on_batch(data.classes()), std::invalid_argument);
  CHECK_THROWS(trainer->evaluate(data.classes()), std::invalid_argument);
  data.labels[3] = 2;
  data.x.data<double>()[7] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS(trainer->evaluate(data.classes()), std::invalid_argument);
  CHECK(bytes_of(*net) == before);
  CHECK_THROWS(
      Trainer::make(net, mlp(DType::float64, {4, 3}, "relu").graph, {model.input}, {model.output}, settings("mse", false, "sgd")),
      TypeError);
  CHECK_THROWS(Trainer::make(net, model.graph, {model.input}, {model.output}, settings("unheard_of", false, "sgd")),
               std::invalid_argument);
  CHECK_THROWS(net->set_parameters({{"dense_0.bias", Tensor(DType::float32, {4})}}), std::invalid_argument);
}

void test_stops() {
  const Model model = mlp(DType::float32, {4, 3}, "relu");
  const auto trainer = Trainer::make(network(model), model.graph, {model.input}, {model.output}, settings("mse", false, "sgd"));
  const Data data(40, 4, 3);
  trainer->bind(data.values(), 4, true, std::nullopt);
  CHECK(trainer->steps_per_epoch() == 10);
  CHECK(trainer->run({1, 3, kForever}, {}) == RunStatus::step);
  CHECK(trainer->step() == 3 && trainer->epoch() == 0);
  CHECK(trainer->run({std::numeric_limits<std::uint64_t>::max(), 0, 0.01}, {}) == RunStatus::time);
  std::atomic<std::uint32_t> interrupts{1};
  const std::uint64_t iterations = trainer->iterations();
  CHECK(trainer->run({std::numeric_limits<std::uint64_t>::max(), 0, kForever}, {&interrupts, 0}) == RunStatus::interrupted);
  CHECK(trainer->iterations() == iterations + 1);
}

void test_shuffles() {
  std::vector<std::int64_t> order(1000), again(1000), other(1000);
  shuffle_order(order, 3, 4);
  shuffle_order(again, 3, 4);
  shuffle_order(other, 3, 5);
  CHECK(order == again);
  CHECK(order != other);
  std::sort(order.begin(), order.end());
  std::iota(again.begin(), again.end(), 0);
  CHECK(order == again);
}

// The quantile function at its own arguments: a normal sample's first moments, and symmetry about the middle.
void test_initial_values() {
  const Tensor normal = random_normal({100000}, 0, 1, 11, 0);
  double moments[4] = {};
  for (std::size_t i = 0; i < normal.size(); ++i) {
    const double value = normal.data<double>()[i];
    for (int power = 0; power < 4; ++power) moments[power] += std::pow(value, power + 1) / 100000;
  }
  // Five standard errors of each moment: sqrt(1, 2, 15, 96) / sqrt(100000).
  CHECK(std::abs(moments[0]) < 5 * 0.0032);
  CHECK(std::abs(moments[1] - 1) < 5 * 0.0045);
  CHECK(std::abs(moments[2]) < 5 * 0.0123);
  CHECK(std::abs(moments[3] - 3) < 5 * 0.031);
  const Tensor uniform = random_uniform({1000}, -2, 3, 11, 0);
  CHECK(std::all_of(uniform.data<double>(), uniform.data<double>() + 1000, [](double v) { return v >= -2 && v < 3; }));
}

}  // namespace

int main() {
  test_one_step();
  test_same_bits();
  test_groups_and_gradients();
  test_learning_rates();
  test_divergence();
  test_norms_that_overflow();
  test_errors_in_teams();
  test_refusals();
  test_stops();
  test_shuffles();
  test_initial_values();
  return finish();
}
