// The elementary functions and losses against mathematics rather than against the reference kernels: values at special points,
// symmetry, derivatives against central differences in float64, and losses that stay finite. The campaign over all inputs is
// ulp.cpp.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "all_tables.h"
#include "check.h"
#include "kernel_data.h"

namespace {

using namespace chainrule;
using namespace chainrule::kernels;
using namespace chainrule::test;

template <class T>
T at(void (*kernel)(const UnaryArgs<T>&), T x, T alpha = 1) {
  T y = 77;
  kernel({&x, &y, 1, alpha});
  return y;
}

template <class T>
T slope_at(void (*forward)(const UnaryArgs<T>&), void (*backward)(const UnaryBackwardArgs<T>&), bool saves_x, T x, T alpha) {
  const T saved = saves_x ? x : at(forward, x, alpha);
  const T g = 1;
  T gx = 77;
  backward({&g, &saved, &gx, 1, alpha});
  return gx;
}

template <class T>
void test_special_values(const Tables& tables) {
  const KernelTable<T>& table = tables.of<T>();
  using Limits = std::numeric_limits<T>;
  const T infinity = Limits::infinity();
  const T nan = Limits::quiet_NaN();
  const T big = Limits::max();
  const T tiny = Limits::denorm_min();
  struct Case {
    const char* name;
    void (*kernel)(const UnaryArgs<T>&);
    T x;
    T y;
  };
  const T selu_floor = static_cast<T>(-1.7580993408473768599402175208123);
  const Case cases[] = {
      {"exp", table.exp, 0, 1},
      {"exp", table.exp, -T{0}, 1},
      {"exp", table.exp, infinity, infinity},
      {"exp", table.exp, -infinity, 0},
      {"exp", table.exp, big, infinity},
      {"exp", table.exp, -big, 0},
      {"exp", table.exp, tiny, 1},
      {"log", table.log, 1, 0},
      {"log", table.log, 0, -infinity},
      {"log", table.log, -T{0}, -infinity},
      {"log", table.log, infinity, infinity},
      {"log", table.log, -tiny, nan},
      {"log", table.log, -infinity, nan},
      {"log", table.log, tiny, std::log(tiny)},
      {"log", table.log, big, std::log(big)},
      {"sqrt", table.sqrt, -1, nan},
      {"sqrt", table.sqrt, -T{0}, -T{0}},
      {"tanh", table.tanh_forward, 0, 0},
      {"tanh", table.tanh_forward, -T{0}, -T{0}},
      {"tanh", table.tanh_forward, tiny, tiny},
      {"tanh", table.tanh_forward, -tiny, -tiny},
      {"tanh", table.tanh_forward, infinity, 1},
      {"tanh", table.tanh_forward, -infinity, -1},
      {"tanh", table.tanh_forward, -big, -1},
      {"sigmoid", table.sigmoid_forward, 0, T(0.5)},
      {"sigmoid", table.sigmoid_forward, infinity, 1},
      {"sigmoid", table.sigmoid_forward, -infinity, 0},
      {"sigmoid", table.sigmoid_forward, -big, 0},
      {"softplus", table.softplus_forward, infinity, infinity},
      {"softplus", table.softplus_forward, big, big},
      {"softplus", table.softplus_forward, -infinity, 0},
      {"softplus", table.softplus_forward, -big, 0},
      {"gelu", table.gelu_forward, 0, 0},
      {"gelu", table.gelu_forward, -T{0}, -T{0}},
      {"gelu", table.gelu_forward, infinity, infinity},
      {"gelu", table.gelu_forward, big, big},
      {"gelu", table.gelu_forward, -infinity, -T{0}},
      {"gelu", table.gelu_forward, -big, -T{0}},
      {"silu", table.silu_forward, -T{0}, -T{0}},
      {"silu", table.silu_forward, infinity, infinity},
      {"silu", table.silu_forward, big, big},
      {"silu", table.silu_forward, -infinity, -T{0}},
      {"mish", table.mish_forward, -T{0}, -T{0}},
      {"mish", table.mish_forward, infinity, infinity},
      {"mish", table.mish_forward, big, big},
      {"mish", table.mish_forward, -infinity, -T{0}},
      {"elu", table.elu_forward, -T{0}, -T{0}},
      {"elu", table.elu_forward, -infinity, -1},
      {"elu", table.elu_forward, infinity, infinity},
      {"elu", table.elu_forward, -tiny, -tiny},
      {"selu", table.selu_forward, -infinity, selu_floor},
      {"selu", table.selu_forward, infinity, infinity},
      {"relu", table.relu_forward, -1, 0},
      {"relu", table.relu_forward, -infinity, 0},
      {"relu", table.relu_forward, infinity, infinity},
      {"relu", table.relu_forward, 3, 3},
      {"leaky_relu", table.leaky_relu_forward, -infinity, -infinity},
  };
  for (const Case& c : cases) {
    const T y = at(c.kernel, c.x);
    CHECK_THAT(same(y, c.y), tables.isa << ' ' << c.name << '(' << c.x << ") = " << y << ", expected " << c.y);
    CHECK_THAT(std::isnan(at(c.kernel, nan)), tables.isa << ' ' << c.name << "(NaN)");
  }
  // The derivative of relu is 0 at exactly 0 and below.
  for (const T z : {T{0}, -T{0}, T{-1}, -infinity}) {
    CHECK(slope_at(table.relu_forward, table.relu_backward, false, z, T{0}) == 0);
  }
  CHECK(slope_at(table.relu_forward, table.relu_backward, false, tiny, T{0}) == 1);
}

/// f, f' from the backward kernel, and (f(x + h) - f(x - h)) / 2h.
void test_activation_derivatives(const Tables& tables) {
  struct Case {
    const char* name;
    void (*forward)(const UnaryArgs<double>&);
    void (*backward)(const UnaryBackwardArgs<double>&);
    bool saves_x;
    double alpha;
  };
  enum Saved { y, x };
  const Case cases[] = {
#define CHAINRULE_ACTIVATION(name, saved, alpha) {#name, tables.f64.name##_forward, tables.f64.name##_backward, saved == x, alpha},
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
  };
  // The difference quotient's error: h^2 f''' / 6 and 2^-53 |f| / h, both below 1e-9 here.
  constexpr double kStep = 1e-5;
  constexpr double kTolerance = 2e-9;
  for (const Case& c : cases) {
    for (double point = -9.87; point < 10; point += 0.173) {
      const double quotient = (at(c.forward, point + kStep, c.alpha) - at(c.forward, point - kStep, c.alpha)) / (2 * kStep);
      const double slope = slope_at(c.forward, c.backward, c.saves_x, point, c.alpha);
      CHECK_THAT(std::fabs(slope - quotient) < kTolerance,
                 tables.isa << ' ' << c.name << "'(" << point << ") = " << slope << ", quotient " << quotient);
    }
    if (std::string(c.name) == "relu" || std::string(c.name) == "leaky_relu") continue;
    for (const double far : {-1e300, -800.0, 800.0, 1e300}) {
      CHECK_THAT(std::isfinite(slope_at(c.forward, c.backward, c.saves_x, far, c.alpha)),
                 tables.isa << ' ' << c.name << "'(" << far << ')');
    }
  }
}

struct LossCase {
  const char* name;
  void (*kernel)(const LossArgs<double>&);
  bool labels;
  bool values;
};
std::vector<LossCase> losses(const Tables& tables) {
  return {
#define CHAINRULE_LOSS(name, alpha, labels, values) {#name, tables.f64.name##_loss, labels, values},
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
  };
}

void test_loss_derivatives(const Tables& tables, const LossCase& c, bool labels, double alpha, std::size_t columns) {
  auto p = Matrix<double>::random(1, columns);
  auto t = Matrix<double>::random(1, columns);
  for (std::size_t j = 0; j < columns; ++j) t(0, j) = std::fabs(t(0, j)) / 6;
  const std::int32_t label = static_cast<std::int32_t>(columns / 2);
  const double seed = 0.7;
  const auto loss_of = [&](Panels<double> gradient) {
    double loss = 77;
    c.kernel({p.view(), labels ? Panels<const double>{} : t.view(), labels ? &label : nullptr, &seed, &loss, gradient, 1, columns,
              alpha});
    return loss;
  };
  Matrix<double> gradient(1, columns, 77);
  loss_of(gradient.panels());
  constexpr double kStep = 1e-5;
  for (std::size_t j = 0; j < columns; ++j) {
    const double here = p(0, j);
    p(0, j) = here + kStep;
    const double above = loss_of({});
    p(0, j) = here - kStep;
    const double below = loss_of({});
    p(0, j) = here;
    const double quotient = seed * (above - below) / (2 * kStep);
    // Sums of up to 100 terms of size 10: 2^-53 * 1000 / h.
    CHECK_THAT(std::fabs(gradient(0, j) - quotient) < 1e-7, tables.isa << ' ' << c.name << " gradient " << gradient(0, j)
                                                                       << ", quotient " << quotient << ", columns " << columns);
  }
}

void test_row_derivatives(const Tables& tables, std::size_t columns) {
  struct Case {
    const char* name;
    void (*forward)(const RowArgs<double>&);
    void (*backward)(const RowBackwardArgs<double>&);
  };
  const Case cases[] = {{"softmax", tables.f64.softmax_forward, tables.f64.softmax_backward},
                        {"log_softmax", tables.f64.log_softmax_forward, tables.f64.log_softmax_backward}};
  for (const Case& c : cases) {
    auto x = Matrix<double>::random(1, columns);
    const auto g = Matrix<double>::random(1, columns);
    Matrix<double> y(1, columns, 77);
    Matrix<double> gx(1, columns, 77);
    const auto objective = [&] {
      c.forward({x.view(), y.panels(), 1, columns});
      double sum = 0;
      for (std::size_t j = 0; j < columns; ++j) sum += g(0, j) * y(0, j);
      return sum;
    };
    objective();
    c.backward({g.view(), y.view(), gx.panels(), 1, columns});
    constexpr double kStep = 1e-5;
    for (std::size_t j = 0; j < columns; ++j) {
      const double here = x(0, j);
      x(0, j) = here + kStep;
      const double above = objective();
      x(0, j) = here - kStep;
      const double below = objective();
      x(0, j) = here;
      const double quotient = (above - below) / (2 * kStep);
      CHECK_THAT(std::fabs(gx(0, j) - quotient) < 1e-7,
                 tables.isa << ' ' << c.name << ' ' << gx(0, j) << ", quotient " << quotient);
    }
  }
}

/// Softmax, log-softmax and the losses from logits, of logits as large as they come.
template <class T>
void test_finite(const Tables& tables) {
  const KernelTable<T>& table = tables.of<T>();
  const T big = std::numeric_limits<T>::max();
  constexpr std::size_t kColumns = 19;
  for (const T scale : {T{1}, T{100}, T{10000}, big}) {
    for (const T smoothing : {T{0}, T(0.1)}) {
      Matrix<T> x(1, kColumns, 0);
      Matrix<T> t(1, kColumns, 0);
      for (std::size_t j = 0; j < kColumns; ++j) x(0, j) = scale * (static_cast<T>(j % 3) - 1);
      t(0, 4) = 1;
      const std::int32_t label = 0;  // the least likely
      const T seed = 1;
      for (const bool labels : {false, true}) {
        T loss = -1;
        Matrix<T> gradient(1, kColumns, 77);
        table.cross_entropy_loss({x.view(), labels ? Panels<const T>{} : t.view(), labels ? &label : nullptr, &seed, &loss,
                                  gradient.panels(), 1, kColumns, smoothing});
        CHECK_THAT(std::isfinite(loss) && loss > 0, tables.isa << " cross_entropy " << loss);
        T sum = 0;
        for (std::size_t j = 0; j < kColumns; ++j) sum += gradient(0, j);
        CHECK_THAT(std::fabs(sum) < T(1e-5), tables.isa << " cross_entropy's gradient sums to " << sum);
      }
      Matrix<T> y(1, kColumns, 77);
      table.softmax_forward({x.view(), y.panels(), 1, kColumns});
      T sum = 0;
      for (std::size_t j = 0; j < kColumns; ++j) sum += y(0, j);
      CHECK_THAT(std::fabs(sum - 1) < T(1e-5), tables.isa << " softmax sums to " << sum);
    }
  }
}

}  // namespace

int main() {
  for (const Tables* each : all_tables()) {
    const Tables& tables = *each;
    test_special_values<float>(tables);
    test_special_values<double>(tables);
    test_activation_derivatives(tables);
    for (const LossCase& c : losses(tables)) {
      for (const std::size_t columns : {1, 2, 7, 8, 9, 100}) {
        for (const double alpha : {0.2, 1.5}) {
          if (c.labels) test_loss_derivatives(tables, c, true, alpha / 2, columns);
          if (c.values) test_loss_derivatives(tables, c, false, alpha / 2, columns);
        }
      }
    }
    for (const std::size_t columns : {1, 2, 7, 8, 9, 100}) test_row_derivatives(tables, columns);
    test_finite<float>(tables);
    test_finite<double>(tables);
  }
  return finish();
}
