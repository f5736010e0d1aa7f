#include "plan/penalty.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace chainrule::plan {
namespace {

template <std::size_t P>
double halved(std::array<double, P> lane) noexcept {
  for (std::size_t n = P / 2; n > 0; n /= 2) {
    for (std::size_t i = 0; i < n; ++i) lane.at(i) += lane.at(i + n);
  }
  return lane[0];
}

}  // namespace

template <class T>
double penalty_value(const Parameters<T>& parameters, std::span<const Penalty> penalties) noexcept {
  constexpr std::size_t P = kernels::kPanelWidth<T>;
  double total = 0;
  for (std::size_t number = 0; number < penalties.size(); ++number) {
    const Penalty& penalty = penalties[number];
    if (!penalty.any()) continue;
    const Parameter<T>& parameter = parameters[number];
    const kernels::Panels<const T> master = (parameter.transposed_is_master ? parameter.transposed : parameter.value).panels();
    std::array<double, P> sizes = {};
    std::array<double, P> squares = {};
    for (std::size_t panel = 0; panel < parameter.master_panels(); ++panel) {
      const std::size_t lanes = std::min(P, parameter.master_columns() - panel * P);
      const T* w = master.from_panel(panel).data;
      for (std::size_t row = 0; row < parameter.master_rows(); ++row, w += P) {
        for (std::size_t lane = 0; lane < lanes; ++lane) {
          const auto value = static_cast<double>(w[lane]);
          sizes[lane] += std::abs(value);
          squares[lane] += value * value;
        }
      }
    }
    total += penalty.l1 * halved(sizes) + penalty.l2 * halved(squares);
  }
  return total;
}

template double penalty_value(const Parameters<float>&, std::span<const Penalty>) noexcept;
template double penalty_value(const Parameters<double>&, std::span<const Penalty>) noexcept;

}  // namespace chainrule::plan
