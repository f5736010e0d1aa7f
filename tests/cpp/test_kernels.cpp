// Every kernel of kernels.inc, with every table that this machine runs, gives the bits of the reference: all sizes around the
// widths of vectors and panels, special values, outputs that are inputs where the contract allows it, NaN in every lane that must
// not count, and not one element written beside the result.
#include <string>
#include <vector>

#include "all_tables.h"
#include "check.h"
#include "kernel_data.h"

namespace {

using namespace chainrule;
using namespace chainrule::kernels;
using namespace chainrule::test;

/// One kernel of one instruction set beside the reference.
template <class Args>
struct Pair {
  std::string name;
  void (*kernel)(const Args&);
  void (*reference)(const Args&);
};

const std::size_t kLengths[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100};
const std::size_t kColumns[] = {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 100};

template <class T>
void test(const Pair<UnaryArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t n : kLengths) {
      for (const T alpha : {T{1}, T(0.01), T(-1.5)}) {
        const auto x = Array<T>::random(n + 1, values);
        Array<T> y(n + 1);
        Array<T> expected(n + 1);
        f.kernel({x.data() + 1, y.data(), n, alpha});  // misaligned
        f.reference({x.data() + 1, expected.data(), n, alpha});
        CHECK_THAT(y == expected, f.name << " n " << n);
        Array<T> in_place = x;
        expected = x;
        f.kernel({in_place.data(), in_place.data(), n, alpha});
        f.reference({expected.data(), expected.data(), n, alpha});
        CHECK_THAT(in_place == expected, f.name << " in place, n " << n);
      }
    }
  }
}

template <class T>
void test(const Pair<UnaryBackwardArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t n : kLengths) {
      const T alpha = n % 2 == 0 ? T{1} : T(0.2);
      const auto g = Array<T>::random(n + 1, values);
      const auto saved = Array<T>::random(n + 1, values);
      Array<T> expected(n + 1);
      Array<T> gx(n + 1);
      f.kernel({g.data() + 1, saved.data(), gx.data(), n, alpha});
      f.reference({g.data() + 1, saved.data(), expected.data(), n, alpha});
      CHECK_THAT(gx == expected, f.name << " n " << n);
      Array<T> over_g = g;
      expected = g;
      f.kernel({over_g.data(), saved.data(), over_g.data(), n, alpha});
      f.reference({expected.data(), saved.data(), expected.data(), n, alpha});
      CHECK_THAT(over_g == expected, f.name << " over g, n " << n);
      Array<T> over_saved = saved;
      expected = saved;
      f.kernel({g.data(), over_saved.data(), over_saved.data(), n, alpha});
      f.reference({g.data(), expected.data(), expected.data(), n, alpha});
      CHECK_THAT(over_saved == expected, f.name << " over saved, n " << n);
    }
  }
}

template <class T>
void test(const Pair<BinaryArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t n : kLengths) {
      const auto a = Array<T>::random(n + 1, values);
      const auto b = Array<T>::random(n + 1, values);
      Array<T> y(n + 1);
      Array<T> expected(n + 1);
      f.kernel({a.data() + 1, b.data(), y.data(), n});
      f.reference({a.data() + 1, b.data(), expected.data(), n});
      CHECK_THAT(y == expected, f.name << " n " << n);
      Array<T> over_a = a;
      Array<T> over_b = b;
      f.kernel({over_a.data(), b.data(), over_a.data(), n});
      f.kernel({a.data(), over_b.data(), over_b.data(), n});
      for (std::size_t i = 0; i < n; ++i) f.reference({a.data() + i, b.data() + i, expected.data() + i, 1});
      for (std::size_t i = 0; i < n; ++i) {
        CHECK_THAT(same(over_a.data()[i], expected.data()[i]) && same(over_b.data()[i], expected.data()[i]), f.name << " in place");
      }
    }
  }
}

template <class T>
void test(const Pair<RowArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (std::size_t rows = 0; rows <= 9; ++rows) {
      for (const std::size_t columns : kColumns) {
        const auto x = Matrix<T>::random(rows, columns, values);
        Matrix<T> y(rows, columns, T{77});
        Matrix<T> expected = y;
        f.kernel({x.view(), y.panels(), rows, columns});
        f.reference({x.view(), expected.panels(), rows, columns});
        CHECK_THAT(y == expected, f.name << ' ' << rows << " x " << columns);
        Matrix<T> in_place = x;
        expected = x;
        f.kernel({in_place.view(), in_place.panels(), rows, columns});
        f.reference({expected.view(), expected.panels(), rows, columns});
        CHECK_THAT(in_place == expected, f.name << " in place, " << rows << " x " << columns);
      }
    }
  }
}

template <class T>
void test(const Pair<RowBackwardArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (std::size_t rows = 0; rows <= 9; ++rows) {
      for (const std::size_t columns : kColumns) {
        const auto g = Matrix<T>::random(rows, columns, values);
        const auto y = Matrix<T>::random(rows, columns, values);
        Matrix<T> gx(rows, columns, T{77});
        Matrix<T> expected = gx;
        f.kernel({g.view(), y.view(), gx.panels(), rows, columns});
        f.reference({g.view(), y.view(), expected.panels(), rows, columns});
        CHECK_THAT(gx == expected, f.name << ' ' << rows << " x " << columns);
        Matrix<T> over_g = g;
        expected = g;
        f.kernel({over_g.view(), y.view(), over_g.panels(), rows, columns});
        f.reference({expected.view(), y.view(), expected.panels(), rows, columns});
        CHECK_THAT(over_g == expected, f.name << " over g, " << rows << " x " << columns);
      }
    }
  }
}

struct LossTraits {
  bool labels = false;
  bool values = false;
};
LossTraits traits_of(const std::string& kernel) {
#define CHAINRULE_LOSS(name, default_alpha, takes_labels, takes_values) \
  if (kernel.find(" " #name "_loss_") != std::string::npos) return {takes_labels, takes_values};
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
  return {};
}

template <class T>
void test_loss(const Pair<LossArgs<T>>& f, std::size_t rows, std::size_t columns, bool labels, T alpha, Values values) {
  const auto p = Matrix<T>::random(rows, columns, values);
  auto t = Matrix<T>::random(rows, columns, values);
  if (rows % 2 == 0) t = p;  // d = 0 everywhere
  const auto seed = Array<T>::random(rows, Values::ordinary);
  std::vector<std::int32_t> label(rows + 1);
  for (std::int32_t& k : label) k = static_cast<std::int32_t>(random_bits()() % columns);
  LossArgs<T> args = {p.view(), {}, nullptr, seed.data(), nullptr, {}, rows, columns, alpha};
  if (labels) {
    args.label = label.data();
  } else {
    args.target = t.view();
  }
  Array<T> loss(rows);
  Array<T> expected_loss(rows);
  Matrix<T> gradient(rows, columns, T{77});
  Matrix<T> expected = gradient;
  const auto run = [&](void (*kernel)(const LossArgs<T>&), T* to_loss, Panels<T> to_gradient) {
    LossArgs<T> a = args;
    a.loss = to_loss;
    a.gradient = to_gradient;
    kernel(a);
  };
  const auto where = [&] {
    return f.name + (labels ? " labels " : " values ") + std::to_string(rows) + " x " + std::to_string(columns);
  };
  run(f.reference, expected_loss.data(), expected.panels());
  run(f.kernel, loss.data(), gradient.panels());
  CHECK_THAT(loss == expected_loss, where());
  CHECK_THAT(gradient == expected, where());
  Array<T> loss_alone(rows);
  run(f.kernel, loss_alone.data(), {});
  CHECK_THAT(loss_alone == expected_loss, where() << ", loss alone");
  Matrix<T> gradient_alone(rows, columns, T{77});
  run(f.kernel, nullptr, gradient_alone.panels());
  CHECK_THAT(gradient_alone == expected, where() << ", gradient alone");
  Matrix<T> in_place = p;
  expected = p;
  args.prediction = in_place.view();
  run(f.kernel, loss.data(), in_place.panels());
  args.prediction = p.view();
  run(f.reference, expected_loss.data(), expected.panels());
  CHECK_THAT(in_place == expected && loss == expected_loss, where() << ", in place");
}

template <class T>
void test(const Pair<LossArgs<T>>& f) {
  const LossTraits traits = traits_of(f.name);
  CHECK_THAT(traits.labels || traits.values, f.name);
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t rows : {0, 1, 2, 3, 5, 8, 9, 17, 33}) {
      for (const std::size_t columns : kColumns) {
        for (const T alpha : {T{0}, T(0.1), T{1}}) {
          if (traits.labels) test_loss(f, rows, columns, true, alpha, values);
          if (traits.values) test_loss(f, rows, columns, false, alpha, values);
        }
      }
    }
  }
}

template <class T>
void test(const Pair<AccuracyArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (std::size_t rows = 0; rows <= 9; ++rows) {
      for (const std::size_t columns : kColumns) {
        auto p = Matrix<T>::random(rows, columns, values);
        auto t = Matrix<T>::random(rows, columns, values);
        std::vector<std::int32_t> label(rows + 1);
        for (std::size_t i = 0; i < rows; ++i) {
          label[i] = static_cast<std::int32_t>(random_bits()() % columns);
          if (i % 2 == 0) p(i, static_cast<std::size_t>(label[i])) = t(i, static_cast<std::size_t>(label[i])) = 9;
          if (i % 3 == 0) p(i, random_bits()() % columns) = 9;  // a tie: the first counts
        }
        for (const bool labels : {false, true}) {
          Array<T> score(rows);
          Array<T> expected(rows);
          const std::int32_t* which = labels ? label.data() : nullptr;
          f.kernel({p.view(), t.view(), which, score.data(), rows, columns, T{0}});
          f.reference({p.view(), t.view(), which, expected.data(), rows, columns, T{0}});
          CHECK_THAT(score == expected, f.name << ' ' << rows << " x " << columns);
        }
      }
    }
  }
}

template <class T>
void test(const Pair<UpdateArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t panels : {0, 1, 2, 3, 7}) {
      for (const bool plain : {false, true}) {
        const std::size_t n = panels * kPanelWidth<T>;
        const UpdateScalars<T> scalars = {
            T(0.01), plain ? T{0} : T(0.3), plain ? T{1} : T(0.97), T(0.9), T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(3.1)};
        const auto g = Array<T>::random(n, values);
        Array<T> w = Array<T>::random(n, values);
        Array<T> first = Array<T>::random(n, values);
        Array<T> second = Array<T>::random(n, values);
        for (std::size_t i = 0; i < n; i += 3) {
          first.data()[i] *= std::numeric_limits<T>::min();  // decays into subnormals, which must become 0
          second.data()[i] *= std::numeric_limits<T>::min();
        }
        Array<T> expected_w = w;
        Array<T> expected_first = first;
        Array<T> expected_second = second;
        for (int step = 0; step < 3; ++step) {
          f.kernel({w.data(), first.data(), second.data(), g.data(), n, &scalars});
          f.reference({expected_w.data(), expected_first.data(), expected_second.data(), g.data(), n, &scalars});
        }
        CHECK_THAT(w == expected_w && first == expected_first && second == expected_second, f.name << " n " << n);
      }
    }
  }
}

template <class T>
void test(const Pair<OuterUpdateArgs<T>>& f) {
  const UpdateScalars<T> scalars = {T(0.01), T(0.3), T(0.97), T(0.9), T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(3.1)};
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t rows : {0, 1, 2, 15, 16, 17, 33}) {
      for (const std::size_t columns : {1, 8, 16, 17, 40}) {
        const auto x = Matrix<T>::random(1, rows + 1, values);
        const auto dz = Matrix<T>::random(1, columns, values);
        auto w = Matrix<T>::random(rows, columns, values);
        auto first = Matrix<T>::random(rows, columns, values);
        auto second = Matrix<T>::random(rows, columns, values);
        auto expected_w = w;
        auto expected_first = first;
        auto expected_second = second;
        const auto run = [&](void (*kernel)(const OuterUpdateArgs<T>&), Matrix<T>& to, Matrix<T>& m, Matrix<T>& v) {
          kernel({to.panels(), m.panels().data, v.panels().data, x.view(), dz.view(), rows, panel_count<T>(columns), &scalars});
        };
        run(f.kernel, w, first, second);
        run(f.reference, expected_w, expected_first, expected_second);
        CHECK_THAT(w == expected_w && first == expected_first && second == expected_second,
                   f.name << ' ' << rows << " x " << columns);
      }
    }
  }
}

template <class T, class S>
void test_gather(const Pair<GatherArgs<T>>& f, Source type) {
  constexpr std::size_t kSourceRows = 12;
  const auto size = static_cast<std::ptrdiff_t>(sizeof(S));
  for (const std::size_t rows : {0, 1, 3, 9}) {
    for (const std::size_t columns : kColumns) {
      // The elements lie 1, 3 or -2 apart, one byte off their alignment.
      for (const std::ptrdiff_t step : {1, 3, -2}) {
        const std::size_t apart = static_cast<std::size_t>(step < 0 ? -step : step);
        std::vector<char> memory(kSourceRows * columns * apart * sizeof(S) + 1);
        char* begin = memory.data() + 1;
        for (std::size_t i = 0; i < kSourceRows * columns * apart; ++i) {
          S element;
          if constexpr (std::is_floating_point_v<S>) {
            element = random_value<S>(Values::special);
          } else {
            element = static_cast<S>(random_bits()());
          }
          std::memcpy(begin + i * sizeof(S), &element, sizeof(S));
        }
        const auto row_stride = static_cast<std::ptrdiff_t>(columns * apart) * size;
        const char* origin = step < 0 ? begin + row_stride - size : begin;
        std::vector<std::int64_t> index(rows + 1);
        for (std::int64_t& i : index) i = static_cast<std::int64_t>(random_bits()() % kSourceRows);
        for (const T scale : {T{1}, T(1 / 255.0), T(-0.5)}) {
          for (const std::int64_t* which :
               {static_cast<const std::int64_t*>(nullptr), static_cast<const std::int64_t*>(index.data())}) {
            Matrix<T> dst(rows, columns, T{77});
            Matrix<T> expected = dst;
            bool finite[2] = {true, true};
            f.kernel({origin, row_stride, step * size, which, dst.panels(), rows, columns, scale, type, &finite[0]});
            f.reference({origin, row_stride, step * size, which, expected.panels(), rows, columns, scale, type, &finite[1]});
            CHECK_THAT(dst == expected && finite[0] == finite[1],
                       f.name << " source " << static_cast<int>(type) << ' ' << rows << " x " << columns << " step " << step);
          }
        }
      }
    }
  }
}

template <class T>
void test(const Pair<GatherArgs<T>>& f) {
#define CHAINRULE_SOURCE(name, type) test_gather<T, type>(f, Source::name);
#include "kernels/sources.inc"
#undef CHAINRULE_SOURCE
}

template <class T>
void test(const Pair<DropoutArgs<T>>& f) {
  for (const std::size_t rows : {0, 1, 2, 5, 40}) {
    for (const std::size_t columns : kColumns) {
      for (const std::size_t first_row : {std::size_t{0}, std::size_t{3}, std::size_t{1} << 41U}) {
        for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{0x1234567890ABCDU}}) {
          for (const std::uint32_t keep_below : {0U, 0x40000000U, 0xC0000000U, 0xFFFFFFFFU}) {
            Matrix<T> mask(rows, columns, T{77});
            Matrix<T> expected = mask;
            const std::uint64_t seed = 0xFEDCBA9876543210U;
            f.kernel({mask.panels(), rows, columns, first_row, seed, step, 5, keep_below, T(1.25)});
            f.reference({expected.panels(), rows, columns, first_row, seed, step, 5, keep_below, T(1.25)});
            expected.take_padding(mask);
            CHECK_THAT(mask == expected, f.name << ' ' << rows << " x " << columns << " first row " << first_row);
          }
        }
      }
    }
  }
}

template <class T>
void test_gemm(const Pair<GemmArgs<T>>& f, std::size_t rows, std::size_t depth, std::size_t columns, Values values) {
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
void test(const Pair<GemmArgs<T>>& f) {
  for (const std::size_t rows : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 17, 29}) {
    for (const std::size_t depth : {0, 1, 2, 7, 8, 9, 16, 17, 33}) {
      for (const std::size_t columns : {1, 8, 9, 17, 40, 65, 150}) {
        test_gemm(f, rows, depth, columns, (rows + depth) % 5 == 0 ? Values::special : Values::ordinary);
      }
    }
  }
}

template <class T>
void test(const Pair<WeightGradientArgs<T>>& f) {
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
void test(const Pair<TransposeArgs<T>>& f) {
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
void test(const Pair<ColumnSumArgs<T>>& f) {
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

template <class T>
void test_all(const Tables& tables, const std::string& suffix) {
  const std::string isa = std::string(tables.isa) + " ";
#define CHAINRULE_KERNEL(name, Args) \
  test<T>(Pair<Args<T>>{isa + #name + suffix, tables.of<T>().name, reference_tables().of<T>().name});
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL
}

}  // namespace

int main() {
  for (const Tables* tables : all_tables()) {
    test_all<float>(*tables, "_f32");
    test_all<double>(*tables, "_f64");
  }
  return finish();
}
