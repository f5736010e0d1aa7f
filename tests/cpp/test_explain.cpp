// The plan in words: it names what a run does, with the figures that decided, and each fact once.
#include <algorithm>

#include "base/digits.h"
#include "base/threads.h"
#include "check.h"
#include "plan/execute.h"
#include "train/pace.h"
#include "training_data.h"

using namespace chainrule;
using namespace chainrule::test;
using namespace chainrule::train;

namespace {

std::size_t count(const std::string& all, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = all.find(part); at != std::string::npos; at = all.find(part, at + 1)) ++found;
  return found;
}

void test_digits() {
  const std::pair<double, const char*> cases[] = {
      {0, "0"},        {1, "1.00"},     {0.12345, "0.123"}, {0.99951, "1.00"},    {9.994, "9.99"},
      {9.996, "10.0"}, {99.94, "99.9"}, {99.96, "100"},     {1234567, "1234567"}, {-12.34, "-12.3"}};
  for (const auto& [value, expected] : cases) CHECK_THAT(digits(value) == expected, digits(value) << ", expected " << expected);
  CHECK(digits(0, "FLOP") == "0 FLOP");
  CHECK(digits(999, "FLOP") == "999 FLOP");
  CHECK(digits(999.6, "FLOP") == "1.00 kFLOP");
  CHECK(digits(2.4e9, "FLOP") == "2.40 GFLOP");
  CHECK(digits(5e19, "B") == "50000 PB");
}

struct Trained {
  Trained(const std::vector<std::int64_t>& sizes, std::size_t rows)
      : data(rows, static_cast<std::size_t>(sizes.front()), static_cast<std::size_t>(sizes.back())) {
    const Model model = mlp(DType::float32, sizes, "relu");
    net = network(model);
    TrainerSettings settings;
    settings.heads.resize(1);
    settings.heads[0].loss = graph::shared_operation("mse");
    settings.optimizer = optimizer_settings("sgd", {{"lr", 1e-6}});
    trainer = Trainer::make(net, model.graph, {model.input}, {model.output}, settings);
  }
  void fit(std::size_t batch) const {
    trainer->bind(data.values(), batch, false, std::nullopt);
    trainer->run({trainer->epoch() + 1, 0, kForever}, {});
    trainer->unbind();
  }
  Data data;
  std::shared_ptr<Network> net;
  std::unique_ptr<Trainer> trainer;
};

void test_the_batch_of_the_last_fit() {
  const Trained small({4, 8, 2}, 40);
  small.trainer->train_on_batch(small.data.values());
  CHECK(count(small.trainer->explain(), "training with single batches of up to 40 rows: ") == 1);
  small.fit(8);
  CHECK(count(small.trainer->explain(), "training with the last fit's batches of 8 rows: ") == 1);
  // A larger batch afterwards makes room for itself, and the fit's plan stays what is explained.
  small.trainer->train_on_batch(small.data.values());
  const std::string text = small.trainer->explain();
  CHECK(count(text, "training with the last fit's batches of 8 rows: ") == 1);
  CHECK(count(text, "for the values of up to 40 rows\n") == 1);
}

void test_threads_and_their_reason() {
  const Trained small({4, 8, 2}, 8);
  small.fit(8);
  set_num_threads(1);
  CHECK(count(small.trainer->explain(), "threads: 1 of at most 1, the limits allow no more\n") == 1);
  CHECK(count(small.net->explain(), "set_num_threads 1 (the least)\n") == 1);
  set_num_threads(0);
  std::string text = small.trainer->explain();
  if (max_threads() > 1) CHECK(count(text, ", a second one would cost more than it saves\n") == 1);
  CHECK(count(text, "estimate of a step: ") == 1);
  CHECK(count(text, "a second thread pays from ") == 1);
  CHECK(count(text, "measured by the last fit") == 0);  // one thread has no choice to measure
  CHECK(count(text, "schedule: rows, one thread has nothing to share out\n") == 1);
  override_threads(3);
  small.fit(8);
  text = small.trainer->explain();
  override_threads(0);
  CHECK(count(text, "threads: 3 of at most ") == 1 && count(text, ", forced, whatever the work\n") == 1);
  CHECK(count(text, "schedule: rows, by the same estimate with 3 threads: ") == 1);
  CHECK(count(text, " us by rows, ") == 1 && count(text, " us by columns, ") == 1);
}

void test_schedules() {
  // Few rows and many weights, which each thread keeps by columns.
  const Trained wide({256, 256, 256, 4}, 8);
  override_threads(2);
  wide.fit(8);
  CHECK(count(wide.trainer->explain(), "schedule: columns, by the same estimate with 2 threads: ") == 1);
  override_threads(0);
  const Trained net({6, 40, 3}, 8);
  net.fit(8);
  CHECK(count(net.trainer->explain(), "row phase (each thread takes its rows ") == 1);
  plan::override_schedule(plan::Schedule::columns);
  const std::string text = net.trainer->explain();
  plan::override_schedule(std::nullopt);
  CHECK(count(text, "schedule: columns, forced, whatever the work\n") == 1);
  CHECK(count(text, "row phase (each thread takes its columns ") == 1);
}

void test_prediction() {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const std::string text = network(mlp(dtype, {4, 8, 2}, "relu"))->explain();
    const kernels::Tables& tables = kernels::active_tables();
    const std::size_t lanes = dtype == DType::float32 ? tables.lanes<float>() : tables.lanes<double>();
    CHECK(count(text, "instruction set: " + std::string(tables.isa) + ", " + std::to_string(lanes) + " lanes of ") == 1);
    CHECK(count(text, "(the least)") >= 1 && count(text, "a second one pays from ") == 1 && count(text, "matmul+add+relu") == 1);
    CHECK(count(text, "limits of threads") == 1 && count(text, "memory: ") == 1 && count(text, "prediction in blocks of ") == 1);
  }
}

// What is kept is not what a probe tries.
void test_the_team_that_is_kept() {
  Pace pace(2);
  CHECK(pace.kept() == 2);
  for (int i = 0; i < 100 && pace.threads() == 2; ++i) pace.report(20e-3, 100);
  CHECK(pace.threads() == 1 && pace.kept() == 2);
  pace.report(2e-3, 100);  // ten times faster
  CHECK(pace.threads() == 1 && pace.kept() == 1);
}

}  // namespace

int main() {
  test_digits();
  test_the_batch_of_the_last_fit();
  test_threads_and_their_reason();
  test_schedules();
  test_prediction();
  test_the_team_that_is_kept();
  return finish();
}
