// Products with sparse rows give the bits of the reference, and those of the dense products on the same matrix with its zeros; not
// one element is written beside the result.
#include <algorithm>
#include <vector>

#include "kernel_pairs.h"

namespace {

using namespace chainrule;
using namespace chainrule::kernels;
using namespace chainrule::test;

/// About one in `one_in` elements of a random matrix, as sparse rows and in panels with zeros. The first row is empty, and a row's
/// entries do not follow the last row's at once.
template <class T>
struct SparseMatrix {
  SparseMatrix(std::size_t row_count, std::size_t width, unsigned one_in, Values kind) : dense(row_count, width, T{0}) {
    for (std::size_t i = 0; i < row_count; ++i) {
      columns.push_back(-1);
      values.push_back(std::numeric_limits<T>::quiet_NaN());
      const std::size_t begin = columns.size();
      for (std::size_t j = 0; i > 0 && j < width; ++j) {
        if (random_bits()() % one_in != 0) continue;
        columns.push_back(static_cast<std::int32_t>(j));
        values.push_back(dense(i, j) = random_value<T>(kind));
      }
      rows.push_back({begin, columns.size()});
    }
  }
  [[nodiscard]] SparseRows<T> view(std::size_t first = 0) const { return {rows.data() + first, columns.data(), values.data()}; }

  std::vector<typename SparseRows<T>::Entries> rows;
  std::vector<std::int32_t> columns;
  std::vector<T> values;
  Matrix<T> dense;
};

/// What the dense kernel of the same table makes of the same matrix.
template <class T>
const KernelTable<T>& table_of(const std::string& name) {
  for (const Tables* tables : all_tables()) {
    if (name.rfind(std::string(tables->isa) + " ", 0) == 0) return tables->template of<T>();
  }
  return reference_tables().of<T>();
}

template <class T>
void compare(const Pair<SparseForwardArgs<T>>& f) {
  for (const std::size_t rows : {0, 1, 2, 5, 17}) {
    for (const std::size_t depth : {1, 7, 33, 200}) {
      for (const std::size_t columns : {1, 8, 9, 17, 40, 65, 150}) {
        const Values kind = (rows + depth) % 3 == 0 ? Values::special : Values::ordinary;
        const std::size_t skip = rows % 2;
        const SparseMatrix<T> a(rows + skip, depth, depth % 2 == 0 ? 10 : 2, kind);
        const auto b = Matrix<T>::random(depth, columns + kPanelWidth<T> + 5, kind);
        const auto bias = Matrix<T>::random(1, columns + kPanelWidth<T> + 5, kind);
        for (const Epilogue epilogue : {Epilogue::none, Epilogue::relu}) {
          for (const bool with_bias : {false, true}) {
            const auto product = [&](Matrix<T>& c) {
              return GemmArgs<T>{a.dense.view().from_row(skip),
                                 b.view().from_panel(1),
                                 c.panels().from_row(skip).from_panel(1),
                                 with_bias ? bias.view().from_panel(1) : Panels<const T>{},
                                 {},
                                 rows,
                                 depth,
                                 panel_count<T>(columns),
                                 epilogue};
            };
            Matrix<T> c(rows + skip + 2, columns + kPanelWidth<T> + 5, T{77});
            Matrix<T> expected = c;
            Matrix<T> dense = c;
            f.kernel({a.view(skip), product(c)});
            f.reference({a.view(skip), product(expected)});
            CHECK_THAT(c == expected, f.name << ' ' << rows << " x " << depth << " x " << columns);
            if (kind == Values::special) continue;  // 0 times infinity is a term of the dense product alone
            table_of<T>(f.name).gemm_forward(product(dense));
            dense.take_padding(c);
            CHECK_THAT(c == dense, f.name << " beside dense, " << rows << " x " << depth << " x " << columns);
          }
        }
      }
    }
  }
}

template <class T>
void compare(const Pair<SparseWeightGradientArgs<T>>& f) {
  for (const std::size_t batch : {0, 1, 2, 9, 40}) {
    for (const std::size_t rows : {1, 2, 16, 17, 50}) {
      for (const std::size_t columns : {1, 8, 9, 17, 40, 65, 150}) {
        const Values kind = batch == 9 ? Values::special : Values::ordinary;
        const std::size_t first = batch % 2 * 2 * kPanelWidth<T>;
        const SparseMatrix<T> x(batch, first + rows + 3, rows % 2 == 0 ? 7 : 2, kind);
        const auto dz = Matrix<T>::random(batch, columns + kPanelWidth<T> + 3, kind);
        Matrix<T> g(rows + 3, columns + kPanelWidth<T> + 3, T{77});
        Matrix<T> expected = g;
        Matrix<T> dense = g;
        const std::size_t panels = panel_count<T>(columns);
        const auto to = [](Matrix<T>& matrix) { return matrix.panels().from_panel(1); };
        f.reference({x.view(), dz.view().from_panel(1), to(expected), batch, first, rows, panels, nullptr});
        // Without hints; with any; with those left by the columns before, which are right; with those left by the columns
        // themselves.
        std::vector<std::size_t> hints(batch + 1);
        for (std::size_t& hint : hints)
          hint = random_bits()() % 3 == 0 ? random_bits()() : random_bits()() % (x.columns.size() + 9);
        f.kernel({x.view(), dz.view().from_panel(1), to(g), batch, first, rows, panels, nullptr});
        CHECK_THAT(g == expected, f.name << " batch " << batch << ' ' << rows << " x " << columns);
        for (const bool before : {false, true, false}) {
          if (before) f.kernel({x.view(), dz.view().from_panel(1), to(g), batch, 0, std::min(first, rows), panels, hints.data()});
          f.kernel({x.view(), dz.view().from_panel(1), to(g), batch, first, rows, panels, hints.data()});
          CHECK_THAT(g == expected, f.name << " with hints, batch " << batch << ' ' << rows << " x " << columns);
          for (std::size_t i = 0; i < batch; ++i) {
            const bool right = hints[i] == x.rows[i].end || static_cast<std::size_t>(x.columns[hints[i]]) >= first + rows;
            CHECK_THAT(right, f.name << " left a hint behind");
          }
        }
        if (kind == Values::special) continue;
        const Panels<const T> from = x.dense.view().from_panel(first / kPanelWidth<T>);
        table_of<T>(f.name).gemm_weight_gradient({from, dz.view().from_panel(1), to(dense), batch, rows, panels});
        dense.take_padding(g);
        CHECK_THAT(g == dense, f.name << " beside dense, batch " << batch << ' ' << rows << " x " << columns);
      }
    }
  }
}

}  // namespace

int main() {
  return test_program<Program::sparse>([](const auto& pair) { compare(pair); });
}
