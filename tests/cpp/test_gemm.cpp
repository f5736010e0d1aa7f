// Products and what surrounds them, transposes and column sums, give the bits of the reference: all sizes around the widths of
// vectors, panels and tiles, blocks inside larger matrices, outputs that are inputs where the contract allows it, and not one
// element written beside the result.
#include "kernel_pairs.h"

namespace {

using namespace chainrule;
using namespace chainrule::kernels;
using namespace chainrule::test;

template <class T>
void compare_gemm(const Pair<GemmArgs<T>>& f, std::size_t rows, std::size_t depth, std::size_t columns, Values values) {
  // A block of rows and panels inside larger matrices: the rest must stay as it is.
  const std::size_t first_row = rows % 3;
  const std::size_t first_panel = depth % 2;
  const std::size_t all_columns = columns + first_panel * kPanelWidth<T> + 5;
  const std::size_t panels = panel_count<T>(columns);
  const auto a = Matrix<T>::random(rows + first_row + 2, depth, values);
  const auto b = Matrix<T>::random(depth, all_columns, values);
  const auto bias = Matrix<T>::random(1, all_columns, values);
  const auto saved = Matrix<T>::random(rows + first_row + 2, all_columns, values);
  for (const Epilogue epilogue : {Epilogue::none, Epilogue::relu, Epilogue::relu_backward}) {
    for (const bool with_bias : {false, true}) {
      const auto run = [&](void (*kernel)(const GemmArgs<T>&), Matrix<T>& c, const Matrix<T>& from) {
        kernel({a.view().from_row(first_row), b.view().from_panel(first_panel),
                c.panels().from_row(first_row).from_panel(first_panel),
                with_bias ? bias.view().from_panel(first_panel) : Panels<const T>{},
                from.view().from_row(first_row).from_panel(first_panel), rows, depth, panels, epilogue});
      };
      Matrix<T> c(rows + first_row + 2, all_columns, T{77});
      Matrix<T> expected = c;
      run(f.kernel, c, saved);
      run(f.reference, expected, saved);
      CHECK_THAT(c == expected, f.name << ' ' << rows << " x " << depth << " x " << columns);
      Matrix<T> over_saved = saved;
      expected = saved;
      run(f.kernel, over_saved, over_saved);
      run(f.reference, expected, expected);
      CHECK_THAT(over_saved == expected, f.name << " over saved, " << rows << " x " << depth << " x " << columns);
    }
  }
}

template <class T>
void compare(const Pair<GemmArgs<T>>& f) {
  for (const std::size_t rows : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 17, 29}) {
    for (const std::size_t depth : {0, 1, 2, 7, 8, 9, 16, 17, 33}) {
      for (const std::size_t columns : {1, 8, 9, 17, 40, 65, 150}) {
        compare_gemm(f, rows, depth, columns, (rows + depth) % 5 == 0 ? Values::special : Values::ordinary);
      }
    }
  }
}

template <class T>
void compare(const Pair<WeightGradientArgs<T>>& f) {
  for (const std::size_t batch : {0, 1, 2, 5, 33}) {
    for (const std::size_t rows : {0, 1, 2, 5, 8, 9, 16, 17, 31, 50}) {
      for (const std::size_t columns : {1, 8, 9, 17, 40, 65, 150}) {
        const std::size_t skip = batch % 2 * kPanelWidth<T>;  // starts at the second panel of every matrix
        const auto x = Matrix<T>::random(batch, rows + skip + 3);
        const auto dz = Matrix<T>::random(batch, columns + skip + 3, batch == 5 ? Values::special : Values::ordinary);
        Matrix<T> g(rows + skip + 3, columns + skip + 3, T{77});
        Matrix<T> expected = g;
        const std::size_t panel = skip / kPanelWidth<T>;
        const auto run = [&](void (*kernel)(const WeightGradientArgs<T>&), Matrix<T>& to) {
          kernel({x.view().from_panel(panel), dz.view().from_panel(panel), to.panels().from_row(skip).from_panel(panel), batch,
                  rows, panel_count<T>(columns)});
        };
        run(f.kernel, g);
        run(f.reference, expected);
        CHECK_THAT(g == expected, f.name << " batch " << batch << ' ' << rows << " x " << columns);
      }
    }
  }
}

template <class T>
void compare(const Pair<TransposeArgs<T>>& f) {
  for (const std::size_t rows : {0, 1, 2, 7, 8, 9, 15, 16, 17, 33, 50}) {
    for (const std::size_t columns : {1, 2, 8, 9, 15, 16, 17, 31, 33, 70}) {
      const std::size_t skip = rows % 2 * kPanelWidth<T>;
      const auto src = Matrix<T>::random(rows + skip + 3, columns + skip + 3, Values::special);
      Matrix<T> dst(columns + skip + 3, rows + skip + 3, T{77});
      Matrix<T> expected = dst;
      const std::size_t panel = skip / kPanelWidth<T>;
      const auto run = [&](void (*kernel)(const TransposeArgs<T>&), Matrix<T>& to) {
        kernel({src.view().from_row(skip).from_panel(panel), to.panels().from_row(skip).from_panel(panel), rows, columns});
      };
      run(f.kernel, dst);
      run(f.reference, expected);
      CHECK_THAT(dst == expected, f.name << ' ' << rows << " x " << columns);
    }
  }
}

template <class T>
void compare(const Pair<ColumnSumArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t rows : {0, 1, 2, 3, 9, 50}) {
      for (const std::size_t columns : {1, 8, 17, 40, 65, 100, 150}) {
        const auto x = Matrix<T>::random(rows, columns, values);
        Matrix<T> sum(1, columns, T{77});
        Matrix<T> expected = sum;
        f.kernel({x.view(), sum.panels(), rows, panel_count<T>(columns)});
        f.reference({x.view(), expected.panels(), rows, panel_count<T>(columns)});
        CHECK_THAT(sum == expected, f.name << ' ' << rows << " x " << columns);
      }
    }
  }
}

}  // namespace

int main() {
  return test_program<Program::gemm>([](const auto& pair) { compare(pair); });
}
