// Small dense nets and data for tests of training: initial values and data from chainrule's own generator, the same everywhere.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/operation.h"
#include "train/initialize.h"
#include "train/trainer.h"

namespace chainrule::test {

using namespace chainrule::train;

struct Model {
  graph::Graph graph;
  graph::NodeId input = graph::kNone;
  graph::NodeId output = graph::kNone;
};

inline Model mlp(DType dtype, const std::vector<std::int64_t>& sizes, const char* activation, double dropout = 0) {
  Model model{graph::Graph(dtype)};
  graph::Graph& g = model.graph;
  graph::NodeId h = model.input = g.input("x", {graph::kRows, sizes[0]}, dtype);
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    const std::string layer = "dense_" + std::to_string(i);
    const graph::NodeId w = g.parameter(layer + ".kernel", {sizes[i], sizes[i + 1]});
    const graph::NodeId b = g.parameter(layer + ".bias", {sizes[i + 1]});
    h = g.apply(graph::operation_named("matmul"), {h, w}, {}, layer);
    h = g.apply(graph::operation_named("add"), {h, b}, {}, layer);
    if (i + 2 == sizes.size()) break;
    h = g.apply(graph::operation_named(activation), {h}, {.alpha = 0.3}, layer);
    if (dropout > 0) {
      const graph::NodeId mask =
          g.apply(graph::operation_named("dropout_mask"), {h}, {.alpha = dropout, .key = static_cast<std::int64_t>(i)});
      h = g.apply(graph::operation_named("multiply"), {h, mask});
    }
  }
  model.output = h;
  return model;
}

inline Tensor cast(const Tensor& values, DType dtype) {
  if (dtype == DType::float64) return values;
  Tensor out(DType::float32, values.shape());
  for (std::size_t i = 0; i < out.size(); ++i) out.data<float>()[i] = static_cast<float>(values.data<double>()[i]);
  return out;
}

inline std::shared_ptr<Network> network(const Model& inference) {
  std::shared_ptr<Network> net = Network::make(inference.graph, {inference.input}, {inference.output});
  std::uint32_t key = 0;
  std::vector<std::pair<std::string, Tensor>> values;
  for (const graph::NodeId id : inference.graph.parameters()) {
    const graph::Node& node = inference.graph.node(id);
    values.emplace_back(node.name, cast(random_normal(node.shape, 0, 0.4, 7, key++), net->dtype()));
  }
  net->set_parameters(values);
  return net;
}

struct Data {
  Data(std::size_t rows, std::size_t features, std::size_t outputs)
      : x(random_normal({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(features)}, 0, 1, 1, 0)),
        y(random_normal({static_cast<std::int64_t>(rows), static_cast<std::int64_t>(outputs)}, 0, 1, 2, 0)),
        labels(rows) {
    for (std::size_t i = 0; i < rows; ++i) labels[i] = static_cast<std::int64_t>(i * 7 % outputs);
  }
  [[nodiscard]] static ArrayView view(const Tensor& t) {
    const auto columns = static_cast<std::size_t>(t.shape()[1]);
    return {t.raw(), kernels::Source::float64, static_cast<std::ptrdiff_t>(columns * 8), 8, static_cast<std::size_t>(t.shape()[0]),
            columns};
  }
  [[nodiscard]] Dataset values() const { return {{{view(x), 1}}, {{view(y), false}}, std::nullopt}; }
  [[nodiscard]] Dataset classes() const {
    return {{{view(x), 1}}, {{{labels.data(), kernels::Source::int64, 8, 0, labels.size(), 1}, true}}, std::nullopt};
  }
  Tensor x;
  Tensor y;
  std::vector<std::int64_t> labels;
};

inline void append(std::vector<unsigned char>& bytes, const Tensor& value) {
  const auto* raw = static_cast<const unsigned char*>(value.raw());
  bytes.insert(bytes.end(), raw, raw + value.size() * size_of(value.dtype()));
}

inline std::vector<unsigned char> bytes_of(Network& net) {
  std::vector<unsigned char> bytes;
  for (const std::string& name : net.parameter_names()) append(bytes, net.parameter(name));
  return bytes;
}

inline constexpr double kForever = 1e9;

}  // namespace chainrule::test
