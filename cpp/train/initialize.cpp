#include "train/initialize.h"

#include <array>
#include <cmath>

#include "base/philox.h"
#include "kernels/table.h"

namespace chainrule::train {
namespace {

double uniform_at(std::size_t i, std::uint64_t seed, std::uint32_t key) {
  const std::uint64_t number = i / 2;
  const PhiloxBlock block = philox({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32U), key,
                                    static_cast<std::uint32_t>(RandomStream::initialise)},
                                   seed);
  const std::size_t word = i % 2 * 2;
  return uniform_double(block[word], block[word + 1]);
}

using Coefficients = std::array<double, 8>;  // of x^0 .. x^7

double polynomial(const Coefficients& c, double x) {
  double sum = c[7];
  for (std::size_t i = 7; i-- > 0;) sum = std::fma(sum, x, c[i]);
  return sum;
}

double ratio(const Coefficients& p, const Coefficients& q, double x) { return polynomial(p, x) / polynomial(q, x); }

double logarithm(double x) {
  double y = 0;
  kernels::active_tables().f64.log({&x, &y, 1, 0});
  return y;
}

// AS 241: a rational function of (p - 1/2)^2 in the middle, of sqrt(-log p) in the tails.
constexpr Coefficients kMiddleP = {3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
                                   1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
                                   3.3430575583588128105e4, 2.5090809287301226727e3};
constexpr Coefficients kMiddleQ = {1.0,
                                   4.2313330701600911252e1,
                                   6.8718700749205790830e2,
                                   5.3941960214247511077e3,
                                   2.1213794301586595867e4,
                                   3.9307895800092710610e4,
                                   2.8729085735721942674e4,
                                   5.2264952788528545610e3};
constexpr Coefficients kTailP = {1.42343711074968357734e0,  4.63033784615654529590e0, 5.76949722146069140550e0,
                                 3.64784832476320460504e0,  1.27045825245236838258e0, 2.41780725177450611770e-1,
                                 2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr Coefficients kTailQ = {1.0,
                                 2.05319162663775882187e0,
                                 1.67638483018380384940e0,
                                 6.89767334985100004550e-1,
                                 1.48103976427480074590e-1,
                                 1.51986665636164571966e-2,
                                 5.47593808499534494600e-4,
                                 1.05075007164441684324e-9};
constexpr Coefficients kFarP = {6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
                                2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr Coefficients kFarQ = {1.0,
                                5.99832206555887937690e-1,
                                1.36929880922735805310e-1,
                                1.48753612908506148525e-2,
                                7.86869131145613259100e-4,
                                1.84631831751005468180e-5,
                                1.42151175831644588870e-7,
                                2.04426310338993978564e-15};

double normal_quantile(double p) {
  const double q = p - 0.5;
  if (std::abs(q) <= 0.425) return q * ratio(kMiddleP, kMiddleQ, std::fma(-q, q, 0.180625));
  const double r = std::sqrt(-logarithm(q < 0 ? p : 1.0 - p));
  const double tail = r <= 5 ? ratio(kTailP, kTailQ, r - 1.6) : ratio(kFarP, kFarQ, r - 5);
  return q < 0 ? -tail : tail;
}

/// The middles of 2^52 equal intervals: never 0 or 1, where the quantile is infinite.
double centred_at(std::size_t i, std::uint64_t seed, std::uint32_t key) {
  return std::floor(uniform_at(i, seed, key) * 0x1p52) * 0x1p-52 + 0x1p-53;
}

template <class Draw>
Tensor fill(const Shape& shape, const Draw& draw) {
  Tensor out(DType::float64, shape);
  double* values = out.data<double>();
  for (std::size_t i = 0; i < out.size(); ++i) values[i] = draw(i);
  return out;
}

}  // namespace

Tensor random_uniform(const Shape& shape, double low, double high, std::uint64_t seed, std::uint32_t key) {
  return fill(shape, [&](std::size_t i) { return std::fma(uniform_at(i, seed, key), high - low, low); });
}

Tensor random_normal(const Shape& shape, double mean, double std, std::uint64_t seed, std::uint32_t key) {
  return fill(shape, [&](std::size_t i) { return std::fma(normal_quantile(centred_at(i, seed, key)), std, mean); });
}

Tensor random_truncated_normal(const Shape& shape, double mean, double std, std::uint64_t seed, std::uint32_t key) {
  constexpr double kBelow = 0.022750131948179207;  // the normal distribution at -2
  return fill(shape, [&](std::size_t i) {
    const double p = std::fma(centred_at(i, seed, key), 1 - 2 * kBelow, kBelow);
    return std::fma(normal_quantile(p), std, mean);
  });
}

}  // namespace chainrule::train
