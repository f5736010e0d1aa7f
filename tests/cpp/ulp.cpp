// How far the elementary functions are from the exact values, in units in the last place.
//
//   ulp [--stride N] [--samples N] [--function NAME]
//
// float: every N-th of all 2^32 inputs (1: all of them), against long double; at most 1 ulp is allowed. double: N samples against
// quadruple precision; at most 1.5. CHAINRULE_ISA chooses the instruction set. The exit status says whether all bounds held.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/table.h"
#if defined(__x86_64__)
#include <quadmath.h>
#endif

namespace {

using namespace chainrule::kernels;

// What the exact values are computed in: for float the x87's 64 bits are plenty; for double, more than 100 bits.
struct Extended {
  using Number = long double;
  static Number exp(Number x) { return std::exp(x); }
  static Number expm1(Number x) { return std::expm1(x); }
  static Number log(Number x) { return std::log(x); }
  static Number log1p(Number x) { return std::log1p(x); }
  static Number tanh(Number x) { return std::tanh(x); }
  static Number erfc(Number x) { return std::erfc(x); }
  static Number sqrt(Number x) { return std::sqrt(x); }
};
#if defined(__x86_64__)
struct Quadruple {
  __extension__ using Number = __float128;
  static Number exp(Number x) { return expq(x); }
  static Number expm1(Number x) { return expm1q(x); }
  static Number log(Number x) { return logq(x); }
  static Number log1p(Number x) { return log1pq(x); }
  static Number tanh(Number x) { return tanhq(x); }
  static Number erfc(Number x) { return erfcq(x); }
  static Number sqrt(Number x) { return sqrtq(x); }
};
#else
using Quadruple = Extended;  // long double is quadruple precision there
#endif
template <class T>
struct WiderOf {
  using type = Extended;
};
template <>
struct WiderOf<double> {
  using type = Quadruple;
};

// The definitions, written so that nothing cancels.
template <class M>
struct Exact {
  using N = typename M::Number;
  static N exp(N x) { return M::exp(x); }
  static N log(N x) { return M::log(x); }
  static N sigmoid(N x) { return 1 / (1 + M::exp(-x)); }
  static N tanh(N x) { return M::tanh(x); }
  static N softplus(N x) { return x > 0 ? x + M::log1p(M::exp(-x)) : M::log1p(M::exp(x)); }
  static N log_cosh(N x) {
    const N a = x < 0 ? -x : x;
    if (a > 1) return (a - M::log(N{2})) + M::log1p(M::exp(-2 * a));
    const N e = M::expm1(-a);
    return M::log1p(e * e / (2 * M::exp(-a)));
  }
  static N silu(N x) { return x / (1 + M::exp(-x)); }
  static N gelu(N x) { return x * (M::erfc(-x / M::sqrt(N{2})) / 2); }
  static N mish(N x) { return x * M::tanh(softplus(x)); }
  static N elu(N x) { return x < 0 ? M::expm1(x) : x; }
  static N selu(N x) {
    constexpr long double kScale = 1.0507009873554804934193349852946L;
    constexpr long double kAlpha = 1.6732632423543772848170429916717L;
    return kScale * (x < 0 ? kAlpha * M::expm1(x) : x);
  }
};

/// As the loss of rows of one column whose targets are 0.
template <class T>
void log_cosh(const UnaryArgs<T>& args) {
  constexpr std::size_t kWidth = kPanelWidth<T>;
  std::vector<T> prediction(args.n * kWidth);
  const std::vector<T> target(args.n * kWidth);
  for (std::size_t i = 0; i < args.n; ++i) prediction[i * kWidth] = args.x[i];
  active_tables().of<T>().log_cosh_loss(
      {{prediction.data(), 0}, {target.data(), 0}, nullptr, nullptr, args.y, {}, args.n, 1, T{0}});
}

template <class T>
struct Function {
  const char* name;
  void (*kernel)(const UnaryArgs<T>&);
  typename WiderOf<T>::type::Number (*exact)(typename WiderOf<T>::type::Number);
};
template <class T>
std::vector<Function<T>> functions() {
  const KernelTable<T>& table = active_tables().of<T>();
  using E = Exact<typename WiderOf<T>::type>;
  return {{"exp", table.exp, E::exp},
          {"log", table.log, E::log},
          {"tanh", table.tanh_forward, E::tanh},
          {"sigmoid", table.sigmoid_forward, E::sigmoid},
          {"softplus", table.softplus_forward, E::softplus},
          {"log_cosh", log_cosh<T>, E::log_cosh},
          {"gelu", table.gelu_forward, E::gelu},
          {"silu", table.silu_forward, E::silu},
          {"mish", table.mish_forward, E::mish},
          {"elu", table.elu_forward, E::elu},
          {"selu", table.selu_forward, E::selu}};
}

/// |y - exact| in units of the last place of exact; 0 where both are NaN or the same infinity, infinite where only one is.
template <class T, class N>
double error_in_ulps(T y, N exact) {
  using Limits = std::numeric_limits<T>;
  const auto nearest = static_cast<T>(exact);
  if (std::isnan(y) || std::isnan(nearest)) return std::isnan(y) && std::isnan(nearest) ? 0 : HUGE_VAL;
  if (std::isinf(y) || std::isinf(nearest)) return y == nearest ? 0 : HUGE_VAL;
  if (exact == 0) return y == 0 ? 0 : HUGE_VAL;
  const int exponent = std::max(std::ilogb(nearest == 0 ? Limits::denorm_min() : nearest), Limits::min_exponent - 1);
  const N difference = static_cast<N>(y) - exact;
  // Scaled in two steps: the unit itself may be below the range of double.
  const int shift = Limits::digits - 1 - exponent;
  const N scaled = difference * static_cast<N>(std::ldexp(1.0, shift / 2)) * static_cast<N>(std::ldexp(1.0, shift - shift / 2));
  return std::fabs(static_cast<double>(scaled));
}

/// The largest error over inputs next(x) fills one block after another, until it fills none.
template <class T>
struct Worst {
  double ulps = 0;
  T at = 0;
  std::uint64_t count = 0;
  void check(const Function<T>& f, const std::vector<T>& x) {
    std::vector<T> y(x.size());
    f.kernel({x.data(), y.data(), x.size(), T{1}});
    using N = typename WiderOf<T>::type::Number;
    for (std::size_t i = 0; i < x.size(); ++i) {
      // An infinite argument is its limit: x e^x and the like give -0 far below, where exact arithmetic on infinity would give NaN.
      const double ulps_here = x[i] == -HUGE_VAL && static_cast<T>(f.exact(N{-1e4})) == 0
                                   ? (y[i] == 0 ? 0 : HUGE_VAL)
                                   : error_in_ulps(y[i], f.exact(static_cast<N>(x[i])));
      if (ulps_here > ulps) {
        ulps = ulps_here;
        at = x[i];
      }
    }
    count += x.size();
  }
};

template <class T>
bool report(const char* type, const Function<T>& f, const Worst<T>& worst, double bound) {
  std::printf("%-7s %-9s %12llu inputs   largest error %.4f ulp at %a%s\n", type, f.name,
              static_cast<unsigned long long>(worst.count), worst.ulps, static_cast<double>(worst.at),
              worst.ulps <= bound ? "" : "   FAILED");
  std::fflush(stdout);
  return worst.ulps <= bound;
}

bool check_float(const Function<float>& f, std::uint64_t stride) {
  Worst<float> worst;
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32U; bits += stride) {
    const auto word = static_cast<std::uint32_t>(bits);
    float value;
    std::memcpy(&value, &word, sizeof(value));
    x.push_back(value);
    if (x.size() == 4096) {
      worst.check(f, x);
      x.clear();
    }
  }
  worst.check(f, x);
  return report("float", f, worst, 1.0);
}

bool check_double(const Function<double>& f, std::uint64_t samples) {
  Worst<double> worst;
  std::mt19937_64 random(2026);
  std::uniform_real_distribution<double> wide(-800, 800);
  std::uniform_real_distribution<double> middle(-40, 40);
  std::uniform_real_distribution<double> near_one(0.5, 2);
  std::vector<double> x;
  for (std::uint64_t done = 0; done < samples; done += x.size()) {
    x.clear();
    for (int i = 0; i < 1024; ++i) {
      const double sign = (random() & 1U) != 0 ? -1 : 1;
      x.push_back(wide(random));
      x.push_back(middle(random));
      x.push_back(sign * near_one(random));
      x.push_back(std::ldexp(sign * near_one(random), static_cast<int>(random() % 80) - 70));
      x.push_back(std::ldexp(near_one(random), static_cast<int>(random() % 2098) - 1074));  // of use to log
    }
    worst.check(f, x);
  }
  return report("double", f, worst, 1.5);
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t stride = 100003;
  std::uint64_t samples = 20000;
  std::string only;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--stride") {
      stride = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (option == "--samples") {
      samples = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (option == "--function") {
      only = argv[i + 1];
    } else {
      stride = 0;
    }
  }
  if (stride == 0 || argc % 2 == 0) {
    std::fprintf(stderr, "usage: ulp [--stride N] [--samples N] [--function NAME]\n");
    return 2;
  }
  std::printf("instruction set: %s\n", active_tables().isa);
  bool passed = true;
  for (const auto& f : functions<float>()) passed = (!only.empty() && only != f.name) || (check_float(f, stride) && passed);
  for (const auto& f : functions<double>()) passed = (!only.empty() && only != f.name) || (check_double(f, samples) && passed);
  return passed ? 0 : 1;
}
