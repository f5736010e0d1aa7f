// What is counted beside a loss, row by row: whether a row's prediction names the right class, or has it among its k largest.

#include "kernels/simd/row-inl.h"

/// The first column that holds the row's largest number (NaN skipped); `columns` where every column is NaN.
template <class T, class Count>
CHAINRULE_INLINE std::size_t argmax(Panels<const T> x, std::size_t row, Count panels, std::size_t columns) {
  const Vec<T> largest = row_max(x, row, panels, columns);
  // Each lane keeps its first panel with the largest; a panel's number is exact in T for all that memory can hold.
  LaneAccumulators<T> first(static_cast<T>(kInfinity));
  for_each_vector<T>(panels, columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
    const Vec<T> number = splat(static_cast<T>(static_cast<std::ptrdiff_t>(panel)));
    const Vec<T> unmatched = splat(static_cast<T>(kInfinity));
    const Vec<T> here = load(vector_at(x, row, panel, part)) == largest ? number : unmatched;
    first[part] = min(first[part], mask ? here : unmatched);
  });
  std::size_t column = columns;
#pragma GCC unroll 8
  for (std::size_t part = 0; part < kVectorsPerPanel<T>; ++part) {
    for (std::size_t lane = 0; lane < kLanes<T>; ++lane) {
      const T panel = first[part][lane];
      if (!(panel < static_cast<T>(kInfinity))) continue;
      const std::size_t candidate = static_cast<std::size_t>(panel) * kPanelWidth<T> + part * kLanes<T> + lane;
      column = candidate < column ? candidate : column;
    }
  }
  return column;
}

template <class T>
CHAINRULE_INLINE void accuracy_kernel(const AccuracyArgs<T>& args) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    for (std::size_t row = 0; row < args.rows; ++row) {
      bool right = false;
      if (args.label != nullptr) {
        right = argmax(args.prediction, row, panels, args.columns) == static_cast<std::size_t>(args.label[row]);
      } else if (args.columns > 1) {
        const std::size_t column = argmax(args.prediction, row, panels, args.columns);
        right = column < args.columns && column == argmax(args.target, row, panels, args.columns);
      } else {
        right = (*args.prediction.at(row, 0) > args.threshold) == (*args.target.at(row, 0) > T{0.5});
      }
      args.score[row] = right ? T{1} : T{0};
    }
  });
}

/// How many columns stand before `column` where a row is ranked from its largest number down, equal ones by their position.
template <class T, class Count>
CHAINRULE_INLINE std::size_t rank(Panels<const T> x, std::size_t row, Count panels, std::size_t columns, std::size_t column) {
  const T own = *x.at(row, column);
  LaneAccumulators<T> before(T{0});
  for_each_vector<T>(panels, columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
    const Vec<T> v = load(vector_at(x, row, panel, part));
    const auto lane = static_cast<T>(static_cast<std::ptrdiff_t>(column) - static_cast<std::ptrdiff_t>(panel * kPanelWidth<T>));
    const Vec<T> tie = load(kLaneNumbers<T>.number + part * kLanes<T>) < lane ? splat(T{1}) : Vec<T>{};
    const Vec<T> level = v == own ? tie : Vec<T>{};
    const Vec<T> one = v > own ? splat(T{1}) : level;
    before[part] += mask ? one : Vec<T>{};
  });
  return static_cast<std::size_t>(before.sum()[0]);
}

template <class T>
CHAINRULE_INLINE void top_k_kernel(const TopKArgs<T>& args) {
  with_panels<T>(args.columns, [&](auto panels) CHAINRULE_INLINE_LAMBDA {
    for (std::size_t row = 0; row < args.rows; ++row) {
      const std::size_t right =
          args.label != nullptr ? static_cast<std::size_t>(args.label[row]) : argmax(args.target, row, panels, args.columns);
      const bool known = right < args.columns && *args.prediction.at(row, right) == *args.prediction.at(row, right);  // no NaN
      args.score[row] = known && rank(args.prediction, row, panels, args.columns, right) < args.k ? T{1} : T{0};
    }
  });
}
