#include "plan/measure_product.h"

#include "base/team.h"
#include "kernels/table.h"
#include "plan/parameters.h"
#include "profile/least_seconds.h"

namespace chainrule::plan {

template <class T>
double measure_product(std::size_t m, std::size_t k, std::size_t n, int threads, double seconds) {
  PanelMatrix<T> a(m, k);
  PanelMatrix<T> b(k, n);
  PanelMatrix<T> c(m, n);
  const auto fill = [](PanelMatrix<T>& matrix) {
    std::size_t i = 0;
    for (T& element : matrix.elements()) element = static_cast<T>(1 + i++ % 7) / 4;
  };
  fill(a);
  fill(b);
  const kernels::KernelTable<T>& table = kernels::active_tables().of<T>();
  const auto read_only = [](const PanelMatrix<T>& matrix) { return matrix.panels(); };
  return profile::least_seconds(seconds, [&] {
    run_team(threads, [&](int thread) {
      const Range rows = share(m, thread, threads);
      if (rows.begin == rows.end) return;
      table.gemm_forward({read_only(a).from_row(rows.begin),
                          read_only(b),
                          c.panels().from_row(rows.begin),
                          {},
                          {},
                          rows.end - rows.begin,
                          k,
                          kernels::panel_count<T>(n),
                          kernels::Epilogue::none});
    });
  });
}

template double measure_product<float>(std::size_t, std::size_t, std::size_t, int, double);
template double measure_product<double>(std::size_t, std::size_t, std::size_t, int, double);

}  // namespace chainrule::plan
