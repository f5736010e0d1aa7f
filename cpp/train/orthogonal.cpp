#include "train/orthogonal.h"

#include <algorithm>
#include <cmath>

#include "kernels/table.h"
#include "plan/parameters.h"
#include "train/initialize.h"

namespace chainrule::train {
namespace {

using kernels::kPanelWidth;
using kernels::Panels;

constexpr std::size_t kWidth = kPanelWidth<double>;
// Products on so many panels reach the kernels' speed, while what is left to single columns is little.
constexpr std::size_t kBlockPanels = 4;

Panels<const double> view(Panels<double> panels) { return {panels.data, panels.stride}; }

/// a -= r b on columns of m rows, r being a . b.
void project(double* a, const double* b, std::size_t m) {
  double r = 0;
  for (std::size_t i = 0; i < m; ++i) r = std::fma(a[i * kWidth], b[i * kWidth], r);
  for (std::size_t i = 0; i < m; ++i) a[i * kWidth] = std::fma(-r, b[i * kWidth], a[i * kWidth]);
}

void normalise(double* a, std::size_t m) {
  double square = 0;
  for (std::size_t i = 0; i < m; ++i) square = std::fma(a[i * kWidth], a[i * kWidth], square);
  const double norm = std::sqrt(square);
  for (std::size_t i = 0; i < m; ++i) a[i * kWidth] /= norm;
}

/// Makes the n columns of q, of m >= n rows, orthonormal.
class GramSchmidt {
 public:
  GramSchmidt(Panels<double> q, std::size_t m, std::size_t n)
      : q_(q), m_(m), n_(n), coefficients_(n, kBlockPanels * kWidth), shadow_(m, kBlockPanels * kWidth) {}

  void run() {
    for (std::size_t first = 0; first < n_; first += kBlockPanels * kWidth) {
      for (int pass = 0; pass < 2; ++pass) {
        leave_earlier_columns(first);
        for (std::size_t j = first; j < std::min(first + kBlockPanels * kWidth, n_); ++j) {
          for (std::size_t i = first; i < j; ++i) project(q_.at(0, j), q_.at(0, i), m_);
          normalise(q_.at(0, j), m_);
        }
      }
    }
  }

 private:
  /// Takes from the block at column `first` its part in the columns before: B -= Q (Q^T B).
  void leave_earlier_columns(std::size_t first) {
    if (first == 0) return;
    const kernels::KernelTable<double>& table = kernels::active_tables().f64;
    const Panels<double> block = q_.from_panel(first / kWidth);
    const std::size_t panels = std::min(kBlockPanels, kernels::panel_count<double>(n_ - first));
    table.gemm_weight_gradient({view(q_), view(block), coefficients_.panels(), m_, first, panels});
    table.gemm_forward(
        {view(q_), view(coefficients_.panels()), shadow_.panels(), {}, {}, m_, first, panels, kernels::Epilogue::none});
    for (std::size_t panel = 0; panel < panels; ++panel) {
      double* const values = block.from_panel(panel).data;
      table.subtract({values, shadow_.panels().from_panel(panel).data, values, m_ * kWidth});
    }
  }

  Panels<double> q_;
  std::size_t m_;
  std::size_t n_;
  plan::PanelMatrix<double> coefficients_;
  plan::PanelMatrix<double> shadow_;
};

}  // namespace

Tensor random_orthogonal(std::int64_t rows, std::int64_t columns, double gain, std::uint64_t seed, std::uint32_t key) {
  const bool wide = rows < columns;
  const auto m = static_cast<std::size_t>(std::max(rows, columns));
  const auto n = static_cast<std::size_t>(std::min(rows, columns));
  const Tensor drawn = random_normal({std::max(rows, columns), std::min(rows, columns)}, 0, 1, seed, key);
  plan::PanelMatrix<double> q(m, n);
  plan::pack(drawn.data<double>(), m, n, q.panels());
  GramSchmidt(q.panels(), m, n).run();
  Tensor out(DType::float64, {rows, columns});
  double* to = out.data<double>();
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
    for (std::size_t j = 0; j < static_cast<std::size_t>(columns); ++j) {
      *to++ = gain * (wide ? *q.panels().at(j, i) : *q.panels().at(i, j));
    }
  }
  return out;
}

}  // namespace chainrule::train
