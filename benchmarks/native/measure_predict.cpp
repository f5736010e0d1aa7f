#include <vector>

#include "base/tensor.h"
#include "graph/graph.h"
#include "graph/operation.h"
#include "measurements.h"
#include "train/initialize.h"
#include "train/network.h"

namespace chainrule::bench {
namespace {

std::unique_ptr<train::Network> dense_net(const std::vector<std::int64_t>& widths) {
  graph::Graph g(DType::float32);
  const graph::NodeId input = g.input("x", {graph::kRows, widths[0]}, DType::float32);
  graph::NodeId h = input;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    const std::string layer = std::to_string(i);
    const graph::NodeId w = g.parameter(layer + ".kernel", {widths[i], widths[i + 1]});
    const graph::NodeId b = g.parameter(layer + ".bias", {widths[i + 1]});
    h = g.apply(graph::operation_named("matmul"), {h, w}, {}, layer);
    h = g.apply(graph::operation_named("add"), {h, b}, {}, layer);
    if (i + 2 < widths.size()) h = g.apply(graph::operation_named("tanh"), {h}, {}, layer);
  }
  std::unique_ptr<train::Network> network = train::Network::make(g, {input}, {h});
  std::vector<std::pair<std::string, Tensor>> values;
  std::uint32_t key = 0;
  for (const graph::NodeId id : g.parameters()) {
    const Tensor normal = train::random_normal(g.node(id).shape, 0, 0.3, 7, key++);
    Tensor value(DType::float32, normal.shape());
    for (std::size_t i = 0; i < value.size(); ++i) value.data<float>()[i] = static_cast<float>(normal.data<double>()[i]);
    values.emplace_back(g.node(id).name, value);
  }
  network->set_parameters(values);
  return network;
}

}  // namespace

void measure_predict(const Options& options, Report& report) {
  const std::unique_ptr<train::Network> network = dense_net({8, 64, 64, 2});
  const std::vector<float> x(8, 0.5F);
  std::vector<float> y(2);
  const train::Feature feature{{x.data(), kernels::Source::float32, 8 * sizeof(float), sizeof(float), 1, 8}, 1};
  void* const out = y.data();
  const Spread time = time_of(options.seconds, [&] { network->predict({&feature, 1}, {&out, 1}); });
  report.add({{"measure", "predict"}, {"net", "8-64-64-2 tanh"}, {"rows", 1}}, time, 1);
}

}  // namespace chainrule::bench
