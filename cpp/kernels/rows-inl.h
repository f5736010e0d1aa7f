// softmax and log_softmax over the columns of each row, and their derivatives from y = f(x):
//   softmax      y = e / sum e, e = exp(x - max x);      gx = y (g - sum g y)
//   log_softmax  y = (x - max x) - log(sum e);           gx = g - exp(y) sum g
// Finite for any finite x. A NaN or +infinity in a row makes the whole row NaN. Sums run in the order of simd/row-inl.h; padding
// lanes are written as 0. Rows are independent, so that their latencies overlap. y may be x, gx may be g; at least one column.

#include "kernels/simd/row-inl.h"

template <class T>
CHAINRULE_INLINE void softmax_forward_kernel(const RowArgs<T>& args) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    for (std::size_t row = 0; row < args.rows; ++row) {
      const Vec<T> largest = row_max(args.x, row, panels, args.columns);
      LaneAccumulators<T> sums(T{0});
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        const Vec<T> e = mask ? exp(load(vector_at(args.x, row, panel, part)) - largest) : Vec<T>{};
        sums[part] += e;
        store(vector_at(args.y, row, panel, part), e);
      });
      const Vec<T> sum = sums.sum();
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        T* y = vector_at(args.y, row, panel, part);
        store(y, mask ? load(y) / sum : Vec<T>{});
      });
    }
  });
}

template <class T>
CHAINRULE_INLINE void softmax_backward_kernel(const RowBackwardArgs<T>& args) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    for (std::size_t row = 0; row < args.rows; ++row) {
      LaneAccumulators<T> sums(T{0});
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        const Vec<T> g = load(vector_at(args.g, row, panel, part));
        const Vec<T> y = load(vector_at(args.saved, row, panel, part));
        sums[part] = mask ? fma(g, y, sums[part]) : sums[part];
      });
      const Vec<T> sum = sums.sum();
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        const Vec<T> g = load(vector_at(args.g, row, panel, part));
        const Vec<T> y = load(vector_at(args.saved, row, panel, part));
        store(vector_at(args.gx, row, panel, part), mask ? y * (g - sum) : Vec<T>{});
      });
    }
  });
}

template <class T>
CHAINRULE_INLINE void log_softmax_forward_kernel(const RowArgs<T>& args) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    // Blocks of rows, since the logarithms of their sums then share vectors.
    constexpr std::size_t kBlock = kPanelWidth<T>;
    for (std::size_t begin = 0; begin < args.rows; begin += kBlock) {
      const std::size_t count = args.rows - begin < kBlock ? args.rows - begin : kBlock;
      alignas(64) T largest[kBlock] = {};
      alignas(64) T log_sum[kBlock] = {};
      for (std::size_t i = 0; i < count; ++i) {
        const Vec<T> m = row_max(args.x, begin + i, panels, args.columns);
        LaneAccumulators<T> sums(T{0});
        for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
          const Vec<T> e = exp(load(vector_at(args.x, begin + i, panel, part)) - m);
          sums[part] += mask ? e : Vec<T>{};
        });
        largest[i] = m[0];
        log_sum[i] = sums.sum()[0];
      }
      for (std::size_t i = 0; i < kBlock; i += kLanes<T>) store(log_sum + i, log(load(log_sum + i)));
      for (std::size_t i = 0; i < count; ++i) {
        const Vec<T> m = splat(largest[i]);
        const Vec<T> shift = splat(log_sum[i]);
        for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
          const Vec<T> x = load(vector_at(args.x, begin + i, panel, part));
          store(vector_at(args.y, begin + i, panel, part), mask ? (x - m) - shift : Vec<T>{});
        });
      }
    }
  });
}

template <class T>
CHAINRULE_INLINE void log_softmax_backward_kernel(const RowBackwardArgs<T>& args) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    for (std::size_t row = 0; row < args.rows; ++row) {
      LaneAccumulators<T> sums(T{0});
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        sums[part] += mask ? load(vector_at(args.g, row, panel, part)) : Vec<T>{};
      });
      const Vec<T> sum = sums.sum();
      for_each_vector<T>(panels, args.columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
        const Vec<T> g = load(vector_at(args.g, row, panel, part));
        const Vec<T> y = load(vector_at(args.saved, row, panel, part));
        store(vector_at(args.gx, row, panel, part), mask ? fma(-exp(y), sum, g) : Vec<T>{});
      });
    }
  });
}
