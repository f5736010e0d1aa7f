// Trains small nets of many shapes and prints one line for each: what was trained, and a hash of all that came out.
//
//   training_hash [--threads N] [--steps N] [--schedule rows|columns] [--vehicle NAME]     default: 1 thread, 3 steps, rows
//   training_hash --list                                         the instruction sets and vehicles that this machine runs
//
// The lines are to be the same for any number of threads, either schedule, any instruction set (CHAINRULE_ISA chooses one,
// --vehicle one of all_tables.h), any compiler's optimisation and any processor: .ci/isa_campaign.py compares them.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>

#include "all_tables.h"
#include "base/error.h"
#include "base/threads.h"
#include "training_data.h"

namespace {

using namespace chainrule;
using namespace chainrule::test;

struct Case {
  std::vector<std::int64_t> sizes;
  const char* activation;
  const char* loss;
  const char* optimizer;
  double dropout;
  std::size_t batch;
};

// Layers one below, at and one above the widths of vectors, panels and tiles; batches that no tile divides; every activation, loss
// and optimizer.
const Case kCases[] = {
    {{1, 1}, "linear", "half_mse", "sgd", 0, 1},
    {{2, 8, 1}, "tanh", "mse", "sgd", 0, 4},
    {{3, 7, 2}, "relu", "cross_entropy", "adam", 0, 5},
    {{1, 1, 2}, "sigmoid", "sigmoid_nll", "adam", 0, 2},
    {{9, 15, 3}, "leaky_relu", "mae", "momentum", 0, 8},
    {{15, 17, 16}, "elu", "huber", "nesterov", 0, 16},
    {{16, 64, 64, 16}, "relu", "cross_entropy", "adam", 0.25, 32},
    {{17, 45, 9}, "gelu", "mse", "adamw", 0, 7},
    {{46, 47, 10}, "silu", "cross_entropy", "adamw", 0.1, 33},
    {{100, 129, 7}, "relu", "cross_entropy", "adam", 0, 45},
    {{129, 100, 1}, "mish", "mse", "adamw", 0, 17},
    {{8, 16, 16, 16, 8}, "selu", "mse", "sgd", 0, 9},
    {{45, 46, 47}, "softplus", "binary_cross_entropy", "adam", 0, 15},
    {{7, 33, 31, 5}, "tanh", "cross_entropy", "nesterov", 0.5, 13},
    {{64, 32, 10}, "relu", "cross_entropy", "sgd", 0, 64},
    {{5, 200, 3}, "gelu", "sigmoid_nll", "adam", 0, 29},
    {{65, 2, 65}, "log_softmax", "half_mse", "adamw", 0, 3},
    {{31, 63, 127, 2}, "silu", "binary_cross_entropy", "momentum", 0, 100},
    {{47, 129, 45, 11}, "softmax", "huber", "adam", 0.2, 47},
    {{3, 7, 8, 9, 15, 16, 17, 1}, "relu", "mae", "adam", 0, 11},
    {{9, 40, 33, 5}, "silu", "log_cosh", "adam", 0, 21},
    {{9, 40, 33, 5}, "elu", "quantile", "momentum", 0, 20},
    {{9, 40, 33, 5}, "tanh", "poisson", "sgd", 0, 21},
    {{9, 40, 33, 5}, "gelu", "hinge", "adam", 0, 20},
    {{9, 40, 33, 5}, "selu", "multiclass_hinge", "nesterov", 0, 21},
};

OptimizerSettings optimizer_of(const std::string& name) {
  const double decay = 0.01;
  if (name == "sgd") return optimizer_settings("sgd", {{"lr", 0.02}, {"weight_decay", decay}});
  if (name == "momentum") return optimizer_settings("sgd", {{"lr", 0.01}, {"momentum", 0.9}});
  if (name == "nesterov") return optimizer_settings("sgd", {{"lr", 0.01}, {"momentum", 0.9}, {"nesterov", 1}});
  return optimizer_settings(name, {{"lr", 0.003}, {"beta1", 0.9}, {"beta2", 0.999}, {"epsilon", 1e-8}, {"weight_decay", decay}});
}

bool takes_labels(const std::string& loss) {
  return loss == "cross_entropy" || loss == "sigmoid_nll" || loss == "multiclass_hinge";
}

/// FNV-1a, 64 bits.
class Hash {
 public:
  void add(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) value_ = (value_ ^ bytes[i]) * 0x100000001B3U;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325U;
};

/// Parameters, the loss over all data, and predictions, after `steps` updates.
std::uint64_t trained(const Case& c, DType dtype, std::uint64_t steps) {
  const std::size_t rows = 2 * c.batch + c.batch / 3 + 1;  // the last batch of an epoch is a short one
  Data data(rows, static_cast<std::size_t>(c.sizes.front()), static_cast<std::size_t>(c.sizes.back()));
  const bool labels = takes_labels(c.loss);
  if (std::strcmp(c.loss, "binary_cross_entropy") == 0) data.y = random_uniform(data.y.shape(), 0, 1, 2, 0);
  const Tensor weight = random_uniform({static_cast<std::int64_t>(rows), 1}, 0.5, 2, 3, 0);
  Dataset set = labels ? data.classes() : data.values();
  if (c.batch % 2 == 1) set.weight = Data::view(weight);

  const std::shared_ptr<Network> net = network(mlp(dtype, c.sizes, c.activation));
  const Model training = mlp(dtype, c.sizes, c.activation, c.dropout);
  TrainerSettings settings;
  settings.heads.resize(1);
  settings.heads[0].loss = graph::shared_operation(c.loss);
  settings.heads[0].alpha = std::strcmp(c.loss, "huber") == 0 ? 1 : std::strcmp(c.loss, "quantile") == 0 ? 0.8 : 0;
  settings.heads[0].metrics.labels = labels;
  settings.optimizer = optimizer_of(c.optimizer);
  settings.seed = 5;
  const auto trainer = Trainer::make(net, training.graph, {training.input}, {training.output}, settings);
  trainer->bind(set, c.batch, true, std::nullopt);
  const std::uint64_t epochs = steps / trainer->steps_per_epoch();
  const std::size_t rest = steps % trainer->steps_per_epoch();
  if (epochs > 0) trainer->run({epochs, 0, kForever}, {});
  if (rest > 0) trainer->run({epochs + 1, rest, kForever}, {});
  if (trainer->iterations() != steps) throw std::logic_error(text("expected ", steps, " steps, got ", trainer->iterations()));

  Hash hash;
  const std::vector<unsigned char> parameters = bytes_of(*net);
  hash.add(parameters.data(), parameters.size());
  const double loss = trainer->evaluate(set).loss;
  hash.add(&loss, sizeof(loss));
  std::vector<unsigned char> predictions(rows * net->outputs()[0] * size_of(dtype));
  void* const out = predictions.data();
  net->predict(set.x, {&out, 1});
  hash.add(predictions.data(), predictions.size());
  return hash.value();
}

void print_all(std::uint64_t steps) {
  for (const Case& c : kCases) {
    std::string shape;
    for (const std::int64_t size : c.sizes) shape += (shape.empty() ? "" : "-") + std::to_string(size);
    for (const DType dtype : {DType::float32, DType::float64}) {
      const std::uint64_t hash = trained(c, dtype, steps);
      std::printf("%s %s %s %s dropout %g batch %zu %s %016llx\n", shape.c_str(), c.activation, c.loss, c.optimizer, c.dropout,
                  c.batch, dtype == DType::float32 ? "float32" : "float64", static_cast<unsigned long long>(hash));
      std::fflush(stdout);
    }
  }
}

void use_vehicle(const std::string& name) {
  for (const kernels::Tables* vehicle : vehicles()) {
    if (name == vehicle->isa) return kernels::override_tables(vehicle);
  }
  throw std::invalid_argument("--vehicle: expected one of --list, got " + name);
}

int run(int argc, char** argv) {
  std::uint64_t steps = 3;
  override_threads(1);
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const Isa isa : supported_isas()) std::printf("isa %s\n", name_of(isa));
    for (const kernels::Tables* vehicle : vehicles()) std::printf("vehicle %s\n", vehicle->isa);
    return 0;
  }
  for (int i = 1; i < argc; i += 2) {
    const std::string option = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (option == "--threads") {
      override_threads(std::atoi(value.c_str()));
    } else if (option == "--steps") {
      steps = std::strtoull(value.c_str(), nullptr, 10);
    } else if (option == "--schedule" && (value == "rows" || value == "columns")) {
      plan::override_schedule(value == "rows" ? plan::Schedule::rows : plan::Schedule::columns);
    } else if (option == "--vehicle") {
      use_vehicle(value);
    } else {
      throw std::invalid_argument("expected --threads N, --steps N, --schedule rows or columns, --vehicle NAME or --list, got " +
                                  option);
    }
  }
  std::fprintf(stderr, "tables: %s\n", kernels::active_tables().isa);
  print_all(steps);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "training_hash: %s\n", error.what());
    return 2;
  }
}
