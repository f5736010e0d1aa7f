// The optimizers' updates give the bits of the reference over several steps, with special values, with state that decays into
// subnormal numbers, and from the outer product of a batch of one row.
#include "kernel_pairs.h"

namespace {

using namespace chainrule;
using namespace chainrule::kernels;
using namespace chainrule::test;

template <class T>
void compare(const Pair<UpdateArgs<T>>& f) {
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
        Array<T> third = Array<T>::random(n, values);
        for (std::size_t i = 0; i < n; i += 3) {
          first.data()[i] *= std::numeric_limits<T>::min();  // decays into subnormals, which must become 0
          second.data()[i] *= std::numeric_limits<T>::min();
          third.data()[i] *= std::numeric_limits<T>::min();
        }
        Array<T> expected_w = w;
        Array<T> expected_first = first;
        Array<T> expected_second = second;
        Array<T> expected_third = third;
        for (int step = 0; step < 3; ++step) {
          f.kernel({w.data(), first.data(), second.data(), third.data(), g.data(), n, &scalars});
          f.reference(
              {expected_w.data(), expected_first.data(), expected_second.data(), expected_third.data(), g.data(), n, &scalars});
        }
        const bool same_state = first == expected_first && second == expected_second && third == expected_third;
        CHECK_THAT(w == expected_w && same_state, f.name << " n " << n);
      }
    }
  }
}

template <class T>
void compare(const Pair<OuterUpdateArgs<T>>& f) {
  const UpdateScalars<T> scalars = {T(0.01), T(0.3), T(0.97), T(0.9), T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(3.1)};
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t rows : {0, 1, 2, 15, 16, 17, 33}) {
      for (const std::size_t columns : {1, 8, 16, 17, 40}) {
        const auto x = Matrix<T>::random(1, rows + 1, values);
        const auto dz = Matrix<T>::random(1, columns, values);
        auto w = Matrix<T>::random(rows, columns, values);
        auto first = Matrix<T>::random(rows, columns, values);
        auto second = Matrix<T>::random(rows, columns, values);
        auto third = Matrix<T>::random(rows, columns, values);
        auto expected_w = w;
        auto expected_first = first;
        auto expected_second = second;
        auto expected_third = third;
        const auto run = [&](void (*kernel)(const OuterUpdateArgs<T>&), Matrix<T>& to, Matrix<T>& m, Matrix<T>& v, Matrix<T>& u) {
          kernel({to.panels(), m.panels().data, v.panels().data, u.panels().data, x.view(), dz.view(), rows,
                  panel_count<T>(columns), &scalars});
        };
        run(f.kernel, w, first, second, third);
        run(f.reference, expected_w, expected_first, expected_second, expected_third);
        const bool same_state = first == expected_first && second == expected_second && third == expected_third;
        CHECK_THAT(w == expected_w && same_state, f.name << ' ' << rows << " x " << columns);
      }
    }
  }
}

template <class T>
void compare(const Pair<SquareSumArgs<T>>& f) {
  for (const Values values : {Values::ordinary, Values::special}) {
    for (const std::size_t panels : {0, 1, 2, 3, 7}) {
      const std::size_t n = panels * kPanelWidth<T>;
      const auto g = Array<T>::random(n, values);
      Array<double> sums = Array<double>::random(kPanelWidth<T>, values);
      Array<double> expected = sums;
      f.kernel({g.data(), n, sums.data()});
      f.reference({g.data(), n, expected.data()});
      CHECK_THAT(sums == expected, f.name << " n " << n);
    }
  }
}

}  // namespace

int main() {
  return test_program<Program::updates>([](const auto& pair) { compare(pair); });
}
