// The graph natively: what planner and binding rely on, the order of sums, and that nothing depends on a graph's depth but time.
#include <array>
#include <cmath>
#include <cstring>
#include <random>
#include <set>

#include "base/error.h"
#include "check.h"
#include "graph/differentiate.h"
#include "graph/interpreter.h"
#include "graph/ops/activation_ops.h"
#include "graph/ops/loss_ops.h"
#include "graph/ops/operations.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

using namespace chainrule;
using namespace chainrule::graph;

template <class T>
Tensor random_tensor(Shape shape, unsigned seed) {
  Tensor tensor(kDType<T>, std::move(shape));
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data<T>()[i] = static_cast<T>(uniform(generator));
  return tensor;
}

Tensor evaluate_one(const Graph& graph, NodeId node, std::span<const Feed> feeds) {
  const std::array<NodeId, 1> wanted = {node};
  return evaluate(graph, wanted, feeds)[0];
}

NodeId reverse_one(Graph& graph, NodeId output, NodeId cotangent, NodeId wrt) {
  const std::array<NodeId, 1> outputs = {output};
  const std::array<NodeId, 1> cotangents = {cotangent};
  const std::array<NodeId, 1> variables = {wrt};
  return reverse(graph, outputs, cotangents, variables)[0];
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.size() * size_of(a.dtype())) == 0;
}

void names_are_unique_and_found() {
  std::set<std::string_view> names;
  for (const Operation* operation : all_operations()) {
    CHECK(names.insert(operation->name()).second);
    CHECK(&operation_named(operation->name()) == operation);
  }
  CHECK(&operation_named("matmul") == &ops::matmul());
  CHECK_THROWS(operation_named("no such"), std::invalid_argument);
}

void kinds_are_recognised() {
  const Operation& relu = ops::relu();
  const auto* activation = dynamic_cast<const ActivationOperation*>(&relu);
  CHECK(activation != nullptr && activation->activation() == kernels::Activation::relu);
  const auto* backward = dynamic_cast<const ActivationBackward*>(&ops::gelu_backward());
  CHECK(backward != nullptr && backward->activation() == kernels::Activation::gelu);
  CHECK(saves_output(kernels::Activation::tanh) && !saves_output(kernels::Activation::gelu));
  const auto* loss = dynamic_cast<const LossOperation*>(&ops::huber());
  CHECK(loss != nullptr && loss->loss() == Loss::huber && loss->default_alpha() == 1);
  const auto* loss_gradient = dynamic_cast<const LossBackward*>(&ops::cross_entropy_backward());
  CHECK(loss_gradient != nullptr && loss_gradient->loss() == Loss::cross_entropy);
  CHECK(&loss_operation(Loss::mse) == &ops::mse() && &loss_backward(Loss::mse) == &ops::mse_backward());
  CHECK(dynamic_cast<const ActivationOperation*>(&ops::add()) == nullptr);
}

void between_is_what_depends_and_is_needed() {
  Graph graph(DType::float64);
  const NodeId x = graph.input("x", {3}, DType::float64);
  const NodeId y = graph.input("y", {3}, DType::float64);
  const NodeId a = graph.apply(ops::exp(), {x});
  const NodeId b = graph.apply(ops::exp(), {y});
  const NodeId c = graph.apply(ops::add(), {a, b});
  const NodeId unneeded = graph.apply(ops::negate(), {a});
  const std::array<NodeId, 1> from_x = {x};
  const std::array<NodeId, 1> to_c = {c};
  const std::array<NodeId, 1> to_unneeded = {unneeded};
  CHECK((between(graph, from_x, to_c) == std::vector<NodeId>{x, a, c}));
  CHECK((between(graph, {}, to_c) == std::vector<NodeId>{x, y, a, b, c}));
  CHECK((between(graph, from_x, to_unneeded) == std::vector<NodeId>{x, a, unneeded}));
  CHECK((between(graph, from_x, to_c, a) == std::vector<NodeId>{a, c}));
  CHECK(between(graph, to_c, from_x).empty());
  const std::array<NodeId, 1> none = {NodeId{99}};
  CHECK_THROWS(between(graph, {}, none), std::out_of_range);
}

template <class T>
void products_are_chains_of_fma(std::size_t rows, std::size_t columns) {
  constexpr std::size_t kDepth = 37;
  const auto row_count = static_cast<std::int64_t>(rows);
  const auto column_count = static_cast<std::int64_t>(columns);
  Graph graph(kDType<T>);
  const NodeId a = graph.input("a", {kRows, kDepth}, kDType<T>);
  const NodeId b = graph.parameter("b", {kDepth, column_count});
  const NodeId a_t = graph.input("a_t", {kDepth, row_count}, kDType<T>);
  const NodeId b_t = graph.input("b_t", {column_count, kDepth}, kDType<T>);
  const Tensor left = random_tensor<T>({row_count, kDepth}, 1);
  const Tensor right = random_tensor<T>({kDepth, column_count}, 2);
  Tensor left_t(kDType<T>, {kDepth, row_count});
  Tensor right_t(kDType<T>, {column_count, kDepth});
  Tensor expected(kDType<T>, {row_count, column_count});
  for (std::size_t k = 0; k < kDepth; ++k) {
    for (std::size_t i = 0; i < rows; ++i) left_t.data<T>()[k * rows + i] = left.data<T>()[i * kDepth + k];
    for (std::size_t j = 0; j < columns; ++j) right_t.data<T>()[j * kDepth + k] = right.data<T>()[k * columns + j];
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        T& sum = expected.data<T>()[i * columns + j];
        sum = std::fma(left.data<T>()[i * kDepth + k], right.data<T>()[k * columns + j], sum);
      }
    }
  }
  const std::array<Feed, 4> feeds = {Feed{a, left}, Feed{b, right}, Feed{a_t, left_t}, Feed{b_t, right_t}};
  for (const auto& [x, y, tx, ty] : {std::tuple{a, b, false, false}, std::tuple{a, b_t, false, true},
                                     std::tuple{a_t, b, true, false}, std::tuple{a_t, b_t, true, true}}) {
    const NodeId product = graph.apply(ops::matmul(), {x, y}, {.transpose_a = tx, .transpose_b = ty});
    CHECK(same_bits(evaluate_one(graph, product, feeds), expected));
  }
}

void sums_run_in_row_order() {
  Graph graph(DType::float32);
  const NodeId x = graph.input("x", {kRows, 3}, DType::float32);
  const NodeId sum = graph.apply(ops::sum(), {x}, {.axes = {0}});
  const Tensor value = random_tensor<float>({1001, 3}, 3);
  Tensor expected(DType::float32, {3});
  for (std::size_t i = 0; i < 1001; ++i) {
    for (std::size_t j = 0; j < 3; ++j) expected.data<float>()[j] += value.data<float>()[i * 3 + j];
  }
  const std::array<Feed, 1> feeds = {Feed{x, value}};
  CHECK(same_bits(evaluate_one(graph, sum, feeds), expected));
}

/// A chain far deeper than any stack, differentiated twice; the last use frees, so that values take no memory per node.
void depth_costs_time_only() {
  constexpr int kDepth = 100000;
  Graph graph(DType::float64);
  const NodeId x = graph.input("x", {}, DType::float64);
  NodeId y = x;
  for (int i = 0; i < kDepth; ++i) y = graph.apply(i % 2 == 0 ? ops::tanh() : ops::softplus(), {y});
  Tensor one(DType::float64, {});
  *one.data<double>() = 1;
  const NodeId seed = graph.constant(one);
  const NodeId first = reverse_one(graph, y, seed, x);
  const NodeId second = reverse_one(graph, first, seed, x);
  CHECK(first != kNone && second != kNone);
  const std::array<Feed, 1> feeds = {Feed{x, one}};
  CHECK(std::isfinite(*evaluate_one(graph, first, feeds).data<double>()));
  CHECK(std::isfinite(*evaluate_one(graph, second, feeds).data<double>()));
}

/// Differentiating the expansion of a fused operation adds a bounded number of nodes, however long the graph before it.
void fused_operations_differentiate_in_linear_size() {
  constexpr NodeId kLayers = 2000;
  Graph graph(DType::float64);
  const NodeId x = graph.input("x", {4, 3}, DType::float64);
  NodeId y = x;
  for (NodeId i = 0; i < kLayers; ++i) y = graph.apply(ops::softmax(), {y});
  const NodeId seed = graph.input("seed", {4, 3}, DType::float64);
  const NodeId first = reverse_one(graph, y, seed, x);
  const NodeId before = graph.size();
  CHECK(reverse_one(graph, first, seed, x) != kNone);
  CHECK(graph.size() - before < 20 * kLayers);
}

void the_callers_floating_point_state_stays() {
#if defined(__x86_64__)
  constexpr unsigned kFlushToZero = 0x8000;
  Graph graph(DType::float32);
  const NodeId x = graph.input("x", {1}, DType::float32);
  const NodeId half = graph.apply(ops::scale(), {x}, {.alpha = 0.5});
  Tensor smallest(DType::float32, {1});
  *smallest.data<float>() = 0x1p-126F;
  const std::array<Feed, 1> feeds = {Feed{x, smallest}};
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | kFlushToZero);
  const Tensor value = evaluate_one(graph, half, feeds);
  CHECK((_mm_getcsr() & kFlushToZero) != 0);
  _mm_setcsr(before);
  CHECK(*value.data<float>() == 0x1p-127F);
#endif
}

void flops_count_an_fma_as_two() {
  const std::array<ValueType, 2> types = {ValueType{{kRows, 64}, DType::float32}, ValueType{{64, 10}, DType::float32}};
  CHECK(ops::matmul().flops(types, {}) == 2 * 64 * 10);
  const std::array<ValueType, 2> ten_rows = {ValueType{{10, 64}, DType::float32}, types[1]};
  CHECK(ops::matmul().flops(ten_rows, {}) == 10 * 2 * 64 * 10);
}

void types_are_the_graphs() {
  CHECK_THROWS(Graph(DType::int64), TypeError);
  Graph graph(DType::float32);
  CHECK_THROWS(graph.input("x", {2}, DType::float64), TypeError);
  CHECK_THROWS(graph.constant(Tensor(DType::float64, {2})), TypeError);
  CHECK_THROWS(graph.constant(Tensor()), std::invalid_argument);
  const NodeId labels = graph.input("labels", {kRows}, DType::int64);
  CHECK(graph.node(labels).dtype == DType::int64);
  CHECK_THROWS(graph.apply(ops::exp(), {labels}), TypeError);
  CHECK_THROWS(graph.apply(ops::exp(), {NodeId{7}}), std::out_of_range);
  CHECK(graph.size() == 1);
}

/// What an operation that was refused has left behind does not show in the node that takes its place.
void refused_operations_leave_nothing() {
  Graph graph(DType::float64, Evaluate::at_once);
  const NodeId x = graph.variable(random_tensor<double>({3}, 1));
  CHECK_THROWS(graph.apply(ops::reshape(), {x}, {.axes = {1}, .shape = {4}}, "refused"), std::invalid_argument);
  CHECK(graph.size() == 1);
  const Node& node = graph.node(graph.constant(random_tensor<double>({2}, 2)));
  CHECK(node.operation == nullptr && node.inputs.empty() && node.constant);
  CHECK(node.attributes.axes.empty() && node.attributes.shape.empty() && node.name.empty());
}

/// Nodes keep their values and operands while others are forgotten and their places taken again, through several blocks.
void what_is_kept_survives_forgetting() {
  Graph graph(DType::float64, Evaluate::at_once);
  NodeId x = graph.variable(random_tensor<double>({3}, 1));
  NodeId y = graph.apply(ops::exp(), {x});
  const double expected = graph.node(y).value.data<double>()[1];
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 500; ++i) static_cast<void>(graph.apply(ops::add(), {x, y}));
    const NodeId late = graph.apply(ops::add(), {x, y});
    NodeId kept = late;
    const std::array<NodeId*, 3> roots = {&x, &y, &kept};
    graph.forget_but(roots);
    CHECK(graph.size() == 3);
    CHECK((graph.node(kept).inputs == Operands{x, y}));
    CHECK(graph.node(y).value.data<double>()[1] == expected);
    CHECK(graph.node(kept).value.data<double>()[1] == graph.node(x).value.data<double>()[1] + expected);
  }
}

}  // namespace

int main() {
  names_are_unique_and_found();
  kinds_are_recognised();
  between_is_what_depends_and_is_needed();
  // 256 and 257 rows: panels lie further apart than their rows ask for.
  for (const std::size_t rows : {5, 256, 257}) {
    products_are_chains_of_fma<float>(rows, 19);
    products_are_chains_of_fma<double>(rows, 19);
  }
  products_are_chains_of_fma<double>(256, 1);
  sums_run_in_row_order();
  depth_costs_time_only();
  fused_operations_differentiate_in_linear_size();
  the_callers_floating_point_state_stays();
  flops_count_an_fma_as_two();
  types_are_the_graphs();
  refused_operations_leave_nothing();
  what_is_kept_survives_forgetting();
  return test::finish();
}
