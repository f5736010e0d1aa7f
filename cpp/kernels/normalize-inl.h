// Normalisation: by row (layer normalisation), by column over the rows of a batch (batch normalisation), and by given columns.
//   standardize_forward         y  = (x - m) r          with m = mean x, v = mean (x - m)^2 and r = 1 / sqrt(v + epsilon)
//   standardize_backward        gx = r (g - mean g - u mean(g u))      with u = (x - m) r
//   standardize_columns         y  = (x - a) r with r = 1 / sqrt(b + epsilon)
//   scale_shift                 y  = x a + b, as a product and a sum
// Over a row, sums run in the order of simd/row-inl.h and padding lanes are written as 0; over a column, in row order. A sum of
// squares or products is a chain of fma; a mean divides the sum by the number. Two passes for the variance: it is never negative.

#include "kernels/simd/row-inl.h"

/// The number of elements as T; sizes are far below 2^63.
template <class T>
CHAINRULE_INLINE T as_number(std::size_t n) {
  return static_cast<T>(static_cast<std::int64_t>(n));
}

template <class T>
CHAINRULE_INLINE Vec<T> inverse_deviation(Vec<T> variance, T epsilon) {
  return splat(T{1}) / sqrt(variance + splat(epsilon));
}

/// m and r of a row, in every lane.
template <class T>
struct RowMoments {
  Vec<T> mean;
  Vec<T> inverse_deviation;
};

template <class T, class P>
CHAINRULE_INLINE RowMoments<T> row_moments(Panels<const T> x, std::size_t row, P panels, std::size_t columns, T epsilon) {
  const Vec<T> count = splat(as_number<T>(columns));
  LaneAccumulators<T> sums(T{0});
  for_each_vector<T>(panels, columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
    sums[part] += mask ? load(vector_at(x, row, panel, part)) : Vec<T>{};
  });
  const Vec<T> mean = sums.sum() / count;
  LaneAccumulators<T> squares(T{0});
  for_each_vector<T>(panels, columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
    const Vec<T> d = load(vector_at(x, row, panel, part)) - mean;
    squares[part] = mask ? fma(d, d, squares[part]) : squares[part];
  });
  return {mean, inverse_deviation<T>(squares.sum() / count, epsilon)};
}

template <class T>
CHAINRULE_INLINE void standardize_forward_kernel(const RowArgs<T>& args) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    for (std::size_t row = 0; row < args.rows; ++row) {
      const RowMoments<T> of = row_moments<T>(args.x, row, panels, args.columns, args.alpha);
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        const Vec<T> u = (load(vector_at(args.x, row, panel, part)) - of.mean) * of.inverse_deviation;
        store(vector_at(args.y, row, panel, part), mask ? u : Vec<T>{});
      });
    }
  });
}

template <class T>
CHAINRULE_INLINE void standardize_backward_kernel(const RowBackwardArgs<T>& args) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    const Vec<T> count = splat(as_number<T>(args.columns));
    for (std::size_t row = 0; row < args.rows; ++row) {
      const RowMoments<T> of = row_moments<T>(args.saved, row, panels, args.columns, args.alpha);
      const auto standardized = [&](std::size_t panel, std::size_t part) CHAINRULE_INLINE_LAMBDA {
        return (load(vector_at(args.saved, row, panel, part)) - of.mean) * of.inverse_deviation;
      };
      LaneAccumulators<T> sums(T{0});
      LaneAccumulators<T> products(T{0});
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        const Vec<T> g = load(vector_at(args.g, row, panel, part));
        sums[part] += mask ? g : Vec<T>{};
        products[part] = mask ? fma(g, standardized(panel, part), products[part]) : products[part];
      });
      const Vec<T> mean = sums.sum() / count;
      const Vec<T> product = products.sum() / count;
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        const Vec<T> g = load(vector_at(args.g, row, panel, part));
        const Vec<T> gx = of.inverse_deviation * fma(-standardized(panel, part), product, g - mean);
        store(vector_at(args.gx, row, panel, part), mask ? gx : Vec<T>{});
      });
    }
  });
}

/// visit(panel, part) for each vector of columns.
template <class T, class F>
CHAINRULE_INLINE void for_each_column_vector(std::size_t panels, F visit) {
  for (std::size_t panel = 0; panel < panels; ++panel) {
#pragma GCC unroll 8
    for (std::size_t part = 0; part < kVectorsPerPanel<T>; ++part) visit(panel, part);
  }
}

template <class T>
CHAINRULE_INLINE void standardize_batch_forward_kernel(const StandardizeBatchArgs<T>& args) {
  const Vec<T> count = splat(as_number<T>(args.rows));
  for_each_column_vector<T>(args.panels, [&](std::size_t panel, std::size_t part) CHAINRULE_INLINE_LAMBDA {
    Vec<T> sum = {};
    for (std::size_t row = 0; row < args.rows; ++row) sum += load(vector_at(args.x, row, panel, part));
    const Vec<T> mean = sum / count;
    Vec<T> squares = {};
    for (std::size_t row = 0; row < args.rows; ++row) {
      const Vec<T> d = load(vector_at(args.x, row, panel, part)) - mean;
      squares = fma(d, d, squares);
    }
    const Vec<T> variance = squares / count;
    store(vector_at(args.mean, 0, panel, part), mean);
    store(vector_at(args.variance, 0, panel, part), variance);
    const Vec<T> r = inverse_deviation<T>(variance, args.alpha);
    for (std::size_t row = 0; row < args.rows; ++row) {
      store(vector_at(args.y, row, panel, part), (load(vector_at(args.x, row, panel, part)) - mean) * r);
    }
  });
}

template <class T>
CHAINRULE_INLINE void standardize_batch_backward_kernel(const StandardizeBatchBackwardArgs<T>& args) {
  const Vec<T> count = splat(as_number<T>(args.rows));
  for_each_column_vector<T>(args.panels, [&](std::size_t panel, std::size_t part) CHAINRULE_INLINE_LAMBDA {
    const Vec<T> mean = load(vector_at(args.mean, 0, panel, part));
    const Vec<T> r = inverse_deviation<T>(load(vector_at(args.variance, 0, panel, part)), args.alpha);
    const auto standardized = [&](std::size_t row)
                                  CHAINRULE_INLINE_LAMBDA { return (load(vector_at(args.x, row, panel, part)) - mean) * r; };
    Vec<T> sum = {};
    Vec<T> products = {};
    for (std::size_t row = 0; row < args.rows; ++row) {
      const Vec<T> g = load(vector_at(args.g, row, panel, part));
      sum += g;
      products = fma(g, standardized(row), products);
    }
    const Vec<T> mean_g = sum / count;
    const Vec<T> product = products / count;
    for (std::size_t row = 0; row < args.rows; ++row) {
      const Vec<T> g = load(vector_at(args.g, row, panel, part));
      store(vector_at(args.gx, row, panel, part), r * fma(-standardized(row), product, g - mean_g));
    }
  });
}

template <class T>
CHAINRULE_INLINE void standardize_columns_kernel(const ColumnArgs<T>& args) {
  for_each_column_vector<T>(args.panels, [&](std::size_t panel, std::size_t part) CHAINRULE_INLINE_LAMBDA {
    const Vec<T> r = inverse_deviation<T>(load(vector_at(args.b, 0, panel, part)), args.alpha);
    const Vec<T> mean = args.a.data == nullptr ? Vec<T>{} : load(vector_at(args.a, 0, panel, part));
    for (std::size_t row = 0; row < args.rows; ++row) {
      store(vector_at(args.y, row, panel, part), (load(vector_at(args.x, row, panel, part)) - mean) * r);
    }
  });
}

template <class T>
CHAINRULE_INLINE void scale_shift_kernel(const ColumnArgs<T>& args) {
  const auto run = [&](auto value) CHAINRULE_INLINE_LAMBDA {
    for_each_column_vector<T>(args.panels, [&](std::size_t panel, std::size_t part) CHAINRULE_INLINE_LAMBDA {
      const Vec<T> a = args.a.data == nullptr ? Vec<T>{} : load(vector_at(args.a, 0, panel, part));
      const Vec<T> b = args.b.data == nullptr ? Vec<T>{} : load(vector_at(args.b, 0, panel, part));
      for (std::size_t row = 0; row < args.rows; ++row) {
        store(vector_at(args.y, row, panel, part), value(load(vector_at(args.x, row, panel, part)), a, b));
      }
    });
  };
  if (args.a.data == nullptr) {
    run([](Vec<T> x, Vec<T>, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return x + b; });
  } else if (args.b.data == nullptr) {
    run([](Vec<T> x, Vec<T> a, Vec<T>) CHAINRULE_INLINE_LAMBDA { return x * a; });
  } else {
    run([](Vec<T> x, Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return x * a + b; });
  }
}
