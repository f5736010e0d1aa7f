// Every kernel that is neither a product nor an update gives the bits of the reference: all sizes around the widths of vectors and
// panels, special values, outputs that are inputs where the contract allows it, NaN in every lane that must not count, and not one
// element written beside the result.
#include <string>
#include <vector>

#include "kernel_pairs.h"

namespace {

using namespace chainrule;
using namespace chainrule::kernels;
using namespace chainrule::test;

const std::size_t kLengths[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100};
const std::size_t kColumns[] = {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 100};

template <class T>
void compare(const Pair<UnaryArgs<T>>& f) {
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
void compare(const Pair<UnaryBackwardArgs<T>>& f) {
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
void compare(const Pair<BinaryArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t n : kLengths) {
      const auto a = Array<T>::random(n + 1, values);
      auto b = Array<T>::random(n + 1, values);
      for (std::size_t i = 1; i < n; i += 3) b.data()[i] = a.data()[i];
      Array<T> y(n + 1);
      Array<T> expected(n + 1);
      f.kernel({a.data() + 1, b.data(), y.data(), n, T{0.5}});
      f.reference({a.data() + 1, b.data(), expected.data(), n, T{0.5}});
      CHECK_THAT(y == expected, f.name << " n " << n);
      Array<T> over_a = a;
      Array<T> over_b = b;
      f.kernel({over_a.data(), b.data(), over_a.data(), n, T{0.5}});
      f.kernel({a.data(), over_b.data(), over_b.data(), n, T{0.5}});
      for (std::size_t i = 0; i < n; ++i) f.reference({a.data() + i, b.data() + i, expected.data() + i, 1, T{0.5}});
      for (std::size_t i = 0; i < n; ++i) {
        CHECK_THAT(same(over_a.data()[i], expected.data()[i]) && same(over_b.data()[i], expected.data()[i]), f.name << " in place");
      }
    }
  }
}

template <class T>
void compare(const Pair<RowArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (std::size_t rows = 0; rows <= 9; ++rows) {
      for (const std::size_t columns : kColumns) {
        const auto x = Matrix<T>::random(rows, columns, values);
        Matrix<T> y(rows, columns, T{77});
        Matrix<T> expected = y;
        f.kernel({x.view(), y.panels(), rows, columns, T(1e-5)});
        f.reference({x.view(), expected.panels(), rows, columns, T(1e-5)});
        CHECK_THAT(y == expected, f.name << ' ' << rows << " x " << columns);
        Matrix<T> in_place = x;
        expected = x;
        f.kernel({in_place.view(), in_place.panels(), rows, columns, T(1e-5)});
        f.reference({expected.view(), expected.panels(), rows, columns, T(1e-5)});
        CHECK_THAT(in_place == expected, f.name << " in place, " << rows << " x " << columns);
      }
    }
  }
}

template <class T>
void compare(const Pair<RowBackwardArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (std::size_t rows = 0; rows <= 9; ++rows) {
      for (const std::size_t columns : kColumns) {
        const auto g = Matrix<T>::random(rows, columns, values);
        const auto y = Matrix<T>::random(rows, columns, values);
        Matrix<T> gx(rows, columns, T{77});
        Matrix<T> expected = gx;
        f.kernel({g.view(), y.view(), gx.panels(), rows, columns, T(1e-5)});
        f.reference({g.view(), y.view(), expected.panels(), rows, columns, T(1e-5)});
        CHECK_THAT(gx == expected, f.name << ' ' << rows << " x " << columns);
        Matrix<T> over_g = g;
        expected = g;
        f.kernel({over_g.view(), y.view(), over_g.panels(), rows, columns, T(1e-5)});
        f.reference({expected.view(), y.view(), expected.panels(), rows, columns, T(1e-5)});
        CHECK_THAT(over_g == expected, f.name << " over g, " << rows << " x " << columns);
      }
    }
  }
}

/// Calls run(rows, columns, values) for sizes of whole panels, whose kernels know no padding.
template <class T, class Run>
void for_panels(const Run& run) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t rows : {1, 2, 3, 9, 33}) {
      for (const std::size_t panels : {1, 2, 3}) run(rows, panels * kPanelWidth<T>, values);
    }
  }
}

template <class T>
void compare(const Pair<ColumnArgs<T>>& f) {
  for_panels<T>([&](std::size_t rows, std::size_t columns, Values values) {
    const auto x = Matrix<T>::random(rows, columns, values);
    const auto a = Matrix<T>::random(1, columns, values);
    const auto b = Matrix<T>::random(1, columns, values);
    const bool optional = f.name.find("scale_shift") != std::string::npos;
    for (const int without : {0, 1, 2}) {
      if (without == 2 && !optional) continue;
      const auto args = [&](Panels<const T> from, Panels<T> to) {
        return ColumnArgs<T>{from,
                             without == 1 ? Panels<const T>{} : a.view(),
                             without == 2 ? Panels<const T>{} : b.view(),
                             to,
                             rows,
                             panel_count<T>(columns),
                             T(1e-5)};
      };
      Matrix<T> y(rows, columns, T{77});
      Matrix<T> expected = y;
      f.kernel(args(x.view(), y.panels()));
      f.reference(args(x.view(), expected.panels()));
      CHECK_THAT(y == expected, f.name << ' ' << rows << " x " << columns);
      Matrix<T> in_place = x;
      expected = x;
      f.kernel(args(in_place.view(), in_place.panels()));
      f.reference(args(expected.view(), expected.panels()));
      CHECK_THAT(in_place == expected, f.name << " in place, " << rows << " x " << columns);
    }
  });
}

template <class T>
void compare(const Pair<StandardizeBatchArgs<T>>& f) {
  for_panels<T>([&](std::size_t rows, std::size_t columns, Values values) {
    const auto x = Matrix<T>::random(rows, columns, values);
    Matrix<T> in_place = x;
    Matrix<T> y(rows, columns, T{77});
    Matrix<T> mean(1, columns, T{77});
    Matrix<T> variance = mean;
    Matrix<T> expected = y;
    Matrix<T> expected_mean = mean;
    Matrix<T> expected_variance = mean;
    const std::size_t panels = panel_count<T>(columns);
    f.reference({x.view(), expected.panels(), expected_mean.panels(), expected_variance.panels(), rows, panels, T(1e-5)});
    f.kernel({x.view(), y.panels(), mean.panels(), variance.panels(), rows, panels, T(1e-5)});
    CHECK_THAT(y == expected && mean == expected_mean && variance == expected_variance, f.name << ' ' << rows << " x " << columns);
    f.kernel({in_place.view(), in_place.panels(), mean.panels(), variance.panels(), rows, panels, T(1e-5)});
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) CHECK_THAT(same(in_place(i, j), expected(i, j)), f.name << " in place");
    }
  });
}

template <class T>
void compare(const Pair<StandardizeBatchBackwardArgs<T>>& f) {
  for_panels<T>([&](std::size_t rows, std::size_t columns, Values values) {
    const auto g = Matrix<T>::random(rows, columns, values);
    const auto x = Matrix<T>::random(rows, columns, values);
    const auto mean = Matrix<T>::random(1, columns, values);
    const auto variance = Matrix<T>::random(1, columns, values);
    const std::size_t panels = panel_count<T>(columns);
    Matrix<T> gx(rows, columns, T{77});
    Matrix<T> expected = gx;
    f.kernel({g.view(), x.view(), mean.view(), variance.view(), gx.panels(), rows, panels, T(1e-5)});
    f.reference({g.view(), x.view(), mean.view(), variance.view(), expected.panels(), rows, panels, T(1e-5)});
    CHECK_THAT(gx == expected, f.name << ' ' << rows << " x " << columns);
    Matrix<T> over_g = g;
    expected = g;
    f.kernel({over_g.view(), x.view(), mean.view(), variance.view(), over_g.panels(), rows, panels, T(1e-5)});
    f.reference({expected.view(), x.view(), mean.view(), variance.view(), expected.panels(), rows, panels, T(1e-5)});
    CHECK_THAT(over_g == expected, f.name << " over g, " << rows << " x " << columns);
  });
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
void compare_loss(const Pair<LossArgs<T>>& f, std::size_t rows, std::size_t columns, bool labels, T alpha, Values values) {
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
void compare(const Pair<LossArgs<T>>& f) {
  const LossTraits traits = traits_of(f.name);
  CHECK_THAT(traits.labels || traits.values, f.name);
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t rows : {0, 1, 2, 3, 5, 8, 9, 17, 33}) {
      for (const std::size_t columns : kColumns) {
        for (const T alpha : {T{0}, T(0.1), T{1}}) {
          if (traits.labels) compare_loss(f, rows, columns, true, alpha, values);
          if (traits.values) compare_loss(f, rows, columns, false, alpha, values);
        }
      }
    }
  }
}

template <class T>
void compare(const Pair<AccuracyArgs<T>>& f) {
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
void compare(const Pair<TopKArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (std::size_t rows = 0; rows <= 9; ++rows) {
      for (const std::size_t columns : kColumns) {
        auto p = Matrix<T>::random(rows, columns, values);
        const auto t = Matrix<T>::random(rows, columns, values);
        std::vector<std::int32_t> label(rows + 1);
        for (std::size_t i = 0; i < rows; ++i) {
          label[i] = static_cast<std::int32_t>(random_bits()() % columns);
          const T own = p(i, static_cast<std::size_t>(label[i]));
          for (int ties = 0; ties < 3; ++ties) p(i, random_bits()() % columns) = own;
        }
        for (const std::size_t k : {std::size_t{1}, std::size_t{2}, (columns + 1) / 2, columns}) {
          for (const std::int32_t* which :
               {static_cast<const std::int32_t*>(nullptr), static_cast<const std::int32_t*>(label.data())}) {
            Array<T> score(rows);
            Array<T> expected(rows);
            f.kernel({p.view(), t.view(), which, score.data(), rows, columns, k});
            f.reference({p.view(), t.view(), which, expected.data(), rows, columns, k});
            CHECK_THAT(score == expected, f.name << ' ' << rows << " x " << columns << " k " << k);
          }
        }
      }
    }
  }
}

template <class T>
void compare(const Pair<PenaltyArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (std::size_t panels = 0; panels <= 5; ++panels) {
      for (const T l1 : {T{0}, T(0.1)}) {
        const std::size_t n = panels * kPanelWidth<T>;
        const auto w = Array<T>::random(n, values);
        auto g = Array<T>::random(n, values);
        Array<T> expected = g;
        f.kernel({w.data(), g.data(), n, l1, T(0.3)});
        f.reference({w.data(), expected.data(), n, l1, T(0.3)});
        CHECK_THAT(g == expected, f.name << " n " << n);
      }
    }
  }
}

template <class T, class S>
void compare_gather(const Pair<GatherArgs<T>>& f, Source type) {
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
void compare(const Pair<GatherArgs<T>>& f) {
#define CHAINRULE_SOURCE(name, type) compare_gather<T, type>(f, Source::name);
#include "kernels/sources.inc"
#undef CHAINRULE_SOURCE
}

template <class T>
void compare(const Pair<DropoutArgs<T>>& f) {
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

}  // namespace

int main() {
  return test_program<Program::kernels>([](const auto& pair) { compare(pair); });
}
