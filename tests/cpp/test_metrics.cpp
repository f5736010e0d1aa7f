// Metrics of all rows together against their definitions, whatever the blocks they come in; penalties; orthogonal matrices; and a
// training with all of them, which gives the same bits on any number of threads.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "base/error.h"
#include "base/threads.h"
#include "check.h"
#include "train/orthogonal.h"
#include "training_data.h"

namespace {

using namespace chainrule;
using namespace chainrule::test;

struct Table {
  std::size_t rows;
  std::size_t columns;
  std::vector<double> p;
  std::vector<double> t;
  std::vector<std::int32_t> label;
};

Table table(std::size_t rows, std::size_t columns) {
  std::mt19937_64 random(rows * 31 + columns);
  std::normal_distribution<double> normal;
  Table found{rows, columns, {}, {}, {}};
  for (std::size_t i = 0; i < rows * columns; ++i) {
    found.t.push_back(normal(random) + 100);
    found.p.push_back(std::round(4 * (found.t.back() + normal(random))) / 4);  // with ties
  }
  for (std::size_t i = 0; i < rows; ++i) found.label.push_back(static_cast<std::int32_t>(random() % columns));
  return found;
}

Collected collected(const MetricPlan& plan, const Table& t, std::size_t block) {
  Collected total;
  for (std::size_t first = 0; first < t.rows; first += block) {
    Collected part;
    part.add<double>(plan, {t.p.data() + first * t.columns, t.t.data() + first * t.columns, t.label.data() + first,
                            std::min(block, t.rows - first)});
    total.add(part);
  }
  return total;
}

void test_r2() {
  const Table t = table(700, 3);
  double expected = 0;
  for (std::size_t j = 0; j < t.columns; ++j) {
    double mean = 0;
    double squares = 0;
    double errors = 0;
    for (std::size_t i = 0; i < t.rows; ++i) mean += t.t[i * 3 + j] / 700;
    for (std::size_t i = 0; i < t.rows; ++i) {
      squares += std::pow(t.t[i * 3 + j] - mean, 2);
      errors += std::pow(t.t[i * 3 + j] - t.p[i * 3 + j], 2);
    }
    expected += (1 - errors / squares) / 3;
  }
  const MetricPlan plan{{{MetricKind::r2}}, false, 3, 0.5};
  for (const std::size_t block : {std::size_t{1}, std::size_t{7}, std::size_t{256}, std::size_t{700}}) {
    const double r2 = collected(plan, t, block).r2();
    CHECK_THAT(std::abs(r2 - expected) < 1e-11, "r2 " << r2 << ", expected " << expected << ", blocks of " << block);
  }
  CHECK(std::isnan(Collected().r2()));
}

void test_auc() {
  const Table t = table(400, 2);
  std::uint64_t twice = 0;
  std::uint64_t pairs = 0;
  for (std::size_t i = 0; i < t.rows; ++i) {
    for (std::size_t k = 0; k < t.rows; ++k) {
      if (t.label[i] != 1 || t.label[k] != 0) continue;
      ++pairs;
      twice += t.p[i * 2 + 1] > t.p[k * 2 + 1] ? 2 : t.p[i * 2 + 1] == t.p[k * 2 + 1] ? 1 : 0;
    }
  }
  const MetricPlan plan{{{MetricKind::auc}}, true, 2, 0.5};
  for (const std::size_t block : {std::size_t{1}, std::size_t{400}}) {
    CHECK(collected(plan, t, block).auc() == static_cast<double>(twice) / (2.0 * static_cast<double>(pairs)));
  }
  Collected looked_at;  // after every block
  for (std::size_t first = 0; first < t.rows; first += 50) {
    looked_at.add<double>(plan, {t.p.data() + first * 2, t.t.data() + first * 2, t.label.data() + first, 50});
    static_cast<void>(looked_at.auc());
  }
  CHECK(looked_at.auc() == collected(plan, t, 400).auc());
  CHECK(std::isnan(Collected().auc()));
  Table with_nan = t;
  with_nan.p[9] = std::nan("");
  CHECK(std::isnan(collected(plan, with_nan, 100).auc()));
}

void test_classes() {
  const Table t = table(300, 4);
  std::array<double, 4> right = {};
  std::array<double, 4> predicted = {};
  std::array<double, 4> actual = {};
  for (std::size_t i = 0; i < t.rows; ++i) {
    const double* const p = t.p.data() + i * 4;
    const auto chosen = static_cast<std::size_t>(std::max_element(p, p + 4) - p);
    const auto true_class = static_cast<std::size_t>(t.label[i]);
    predicted.at(chosen) += 1;
    actual.at(true_class) += 1;
    if (chosen == true_class) right.at(chosen) += 1;
  }
  double precision = 0;
  double recall = 0;
  for (std::size_t c = 0; c < 4; ++c) {
    precision += right.at(c) / predicted.at(c) / 4;
    recall += right.at(c) / actual.at(c) / 4;
  }
  const MetricPlan plan{{{MetricKind::precision}, {MetricKind::recall}}, true, 4, 0};
  const Collected found = collected(plan, t, 64);
  CHECK(std::abs(found.class_score(MetricKind::precision) - precision) < 1e-14);
  CHECK(std::abs(found.class_score(MetricKind::recall) - recall) < 1e-14);
  CHECK(Collected().class_score(MetricKind::f1) == 0);
}

void test_refusals() {
  const auto plan = [](MetricKind kind, std::size_t k, bool labels, std::size_t outputs) {
    return MetricPlan{{{kind, k}}, labels, outputs, 0};
  };
  CHECK_THROWS(plan(MetricKind::r2, 0, true, 3).check(), std::invalid_argument);
  CHECK_THROWS(plan(MetricKind::auc, 0, true, 3).check(), std::invalid_argument);
  CHECK_THROWS(plan(MetricKind::top_k, 0, true, 3).check(), std::invalid_argument);
  CHECK_THROWS(plan(MetricKind::top_k, 4, true, 3).check(), std::invalid_argument);
  CHECK_THROWS(metric_settings("accurate", 0), std::invalid_argument);
  plan(MetricKind::top_k, 3, true, 3).check();
}

void test_orthogonal() {
  const std::pair<std::int64_t, std::int64_t> shapes[] = {{1, 1}, {1, 7}, {7, 1}, {40, 40}, {129, 65}, {65, 129}};
  for (const auto& [rows, columns] : shapes) {
    const Tensor q = random_orthogonal(rows, columns, 1, 3, 1);
    const std::int64_t n = std::min(rows, columns);
    for (std::int64_t a = 0; a < n; ++a) {
      for (std::int64_t b = 0; b <= a; ++b) {
        double product = 0;
        for (std::int64_t i = 0; i < std::max(rows, columns); ++i) {
          const auto at = [&](std::int64_t j) { return q.data<double>()[rows >= columns ? i * columns + j : j * columns + i]; };
          product += at(a) * at(b);
        }
        CHECK_THAT(std::abs(product - (a == b ? 1 : 0)) < 1e-14, rows << " x " << columns << ": " << product);
      }
    }
  }
}

/// Parameters and all that is reported after two epochs.
std::vector<double> trained(DType dtype, int threads, std::size_t batch_size) {
  override_threads(threads);
  const std::vector<std::int64_t> sizes = {5, 70, 33, 2};
  const std::shared_ptr<Network> net = network(mlp(dtype, sizes, "tanh"));
  const Model training = mlp(dtype, sizes, "tanh");
  TrainerSettings settings;
  HeadSettings& head = settings.heads.emplace_back();
  head.loss = graph::shared_operation("log_cosh");
  settings.optimizer = optimizer_settings("adam", {{"lr", 0.003}, {"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}});
  head.metrics.metrics = {{MetricKind::r2}, {MetricKind::rmse}, {MetricKind::auc}, {MetricKind::f1}, {MetricKind::top_k, 2}};
  head.metrics.threshold = 0.5;
  settings.penalties = {{"dense_0.kernel", {1e-4, 1e-3}}, {"dense_2.kernel", {0, 1e-2}}};
  const auto trainer = Trainer::make(net, training.graph, {training.input}, {training.output}, settings);
  const Data data(300, 5, 2);
  trainer->bind(data.values(), batch_size, true, data.values());
  trainer->run({2, 0, kForever}, {});
  std::vector<double> result;
  const auto add = [&](const Averages& averages) {
    result.push_back(averages.loss);
    result.insert(result.end(), averages.metrics.begin(), averages.metrics.end());
  };
  add(trainer->history().back());
  add(trainer->validation_history().back());
  add(trainer->train_on_batch(data.values()));
  add(trainer->evaluate(data.values()));
  for (const unsigned char byte : bytes_of(*net)) result.push_back(byte);
  override_threads(0);
  return result;
}

void test_same_bits() {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (const std::size_t batch_size : {std::size_t{1}, std::size_t{64}}) {
      const std::vector<double> expected = trained(dtype, 1, batch_size);
      CHECK(trained(dtype, 2, batch_size) == expected);
      CHECK(trained(dtype, 3, batch_size) == expected);
    }
  }
}

}  // namespace

int main() {
  test_r2();
  test_auc();
  test_classes();
  test_refusals();
  test_orthogonal();
  test_same_bits();
  return finish();
}
