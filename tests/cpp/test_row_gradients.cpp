// train/row_gradients: gradients of each row against long-hand arithmetic and against a step on that row, the same bits for any
// team.
#include "train/row_gradients.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/threads.h"
#include "check.h"
#include "training_data.h"

using namespace chainrule;
using namespace chainrule::test;
using namespace chainrule::train;

namespace {

template <class T>
std::vector<T> gradients_of(RowGradients& gradients, const Dataset& data) {
  std::vector<T> out(data.rows() * gradients.gradients_per_row() * gradients.size());
  gradients.run(data, out.data());
  return out;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// y = x w + b: d y_j / d w_kl = x_k where j = l, d y_j / d b_l = 1 where j = l; of half_mse, those times y_j - t_j.
void test_one_layer() {
  const Model model = mlp(DType::float64, {3, 2}, "relu");
  const std::shared_ptr<Network> net = network(model);
  const Data data(5, 3, 2);
  const double* x = data.x.data<double>();
  const auto jacobian = RowGradients::make(net, nullptr, 0, false);
  CHECK(jacobian->size() == 8);
  CHECK(jacobian->gradients_per_row() == 2);
  const std::vector<double> of_outputs = gradients_of<double>(*jacobian, data.values());
  const std::vector<double> of_loss =
      gradients_of<double>(*RowGradients::make(net, graph::shared_operation("half_mse"), 0, false), data.values());
  std::vector<double> y(10);
  const Feature feature{Data::view(data.x), 1};
  void* const out = y.data();
  net->predict({&feature, 1}, {&out, 1});
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 2; ++j) {
      const double difference = y[i * 2 + j] - data.y.data<double>()[i * 2 + j];
      for (std::size_t k = 0; k < 4; ++k) {
        const double input = k < 3 ? x[i * 3 + k] : 1;
        for (std::size_t l = 0; l < 2; ++l) CHECK(of_outputs[(i * 2 + j) * 8 + k * 2 + l] == (j == l ? input : 0));
        CHECK(of_loss[i * 8 + k * 2 + j] == input * difference);
      }
    }
  }
}

// A step of SGD with lr = 1 on one row is that row's gradient: w - (w - g) = g but for one rounding of w - g.
template <class T>
void test_steps_on_single_rows(const std::vector<std::int64_t>& sizes, const char* activation, bool labels) {
  constexpr std::size_t kRows = 7;
  const Model model = mlp(kDType<T>, sizes, activation);
  const Data data(kRows, static_cast<std::size_t>(sizes.front()), static_cast<std::size_t>(sizes.back()));
  TrainerSettings settings;
  settings.heads.resize(1);
  settings.heads[0].loss = graph::shared_operation(labels ? "cross_entropy" : "mse");
  settings.heads[0].metrics.labels = labels;
  settings.optimizer = optimizer_settings("sgd", {{"lr", 1.0}});
  const Dataset all = labels ? data.classes() : data.values();
  const auto gradients = RowGradients::make(network(model), settings.heads[0].loss, 0, labels);
  const std::vector<T> rows = gradients_of<T>(*gradients, all);
  for (std::size_t i = 0; i < kRows; ++i) {
    const std::shared_ptr<Network> net = network(model);
    std::vector<Tensor> before;
    for (const std::string& name : net->parameter_names()) before.push_back(net->parameter(name));
    Dataset one = all;
    for (ArrayView* view : {&one.x[0].array, &one.y[0].array}) {
      view->data = static_cast<const char*>(view->data) + static_cast<std::ptrdiff_t>(i) * view->row_stride;
      view->rows = 1;
    }
    Trainer::make(net, model.graph, {model.input}, {model.output}, settings)->train_on_batch(one);
    std::size_t at = i * gradients->size();
    for (std::size_t p = 0; p < before.size(); ++p) {
      const Tensor after = net->parameter(net->parameter_names()[p]);
      for (std::size_t e = 0; e < after.size(); ++e, ++at) {
        const T w = before[p].template data<T>()[e];
        CHECK(after.template data<T>()[e] == w - rows[at]);
      }
    }
  }
}

// Blocks of rows and threads end at other places, and one row comes alone.
void test_bits_of_teams() {
  const Model model = mlp(DType::float32, {20, 33, 3}, "tanh");
  const std::shared_ptr<Network> net = network(model);
  const Data data(150, 20, 3);
  const auto of_loss = RowGradients::make(net, graph::shared_operation("mse"), 0, false);
  const auto of_outputs = RowGradients::make(net, nullptr, 0, false);
  override_threads(1);
  const std::vector<float> loss = gradients_of<float>(*of_loss, data.values());
  const std::vector<float> outputs = gradients_of<float>(*of_outputs, data.values());
  for (const int threads : {2, 3, 5}) {
    override_threads(threads);
    CHECK(same_bits(gradients_of<float>(*of_loss, data.values()), loss));
    CHECK(same_bits(gradients_of<float>(*of_outputs, data.values()), outputs));
  }
  override_threads(0);
}

void test_errors() {
  const Model model = mlp(DType::float32, {3, 2}, "relu");
  const std::shared_ptr<Network> net = network(model);
  Data data(5, 3, 2);
  const auto gradients = RowGradients::make(net, graph::shared_operation("cross_entropy"), 0, true);
  std::vector<float> out(5 * gradients->size());
  CHECK_THROWS(gradients->run(data.values(), out.data()), std::invalid_argument);
  data.labels[4] = 2;
  CHECK_THROWS(gradients->run(data.classes(), out.data()), std::invalid_argument);
  data.labels[4] = 0;
  data.x.data<double>()[14] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS(gradients->run(data.classes(), out.data()), std::invalid_argument);
  CHECK_THROWS(RowGradients::make(net, nullptr, 0, false)->run(Data(5, 4, 2).values(), out.data()), std::invalid_argument);
}

}  // namespace

int main() {
  test_one_layer();
  test_steps_on_single_rows<float>({5, 18, 4}, "relu", true);
  test_steps_on_single_rows<double>({5, 18, 4}, "gelu", false);
  test_steps_on_single_rows<float>({40, 3, 1}, "tanh", false);
  test_bits_of_teams();
  test_errors();
  return finish();
}
