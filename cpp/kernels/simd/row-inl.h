// Rows of panels: a visit of a row's vectors with the mask of its columns, and sums and maxima over columns.
//
// THE order of every sum over the columns of a row, with P lanes to a panel: lane j adds columns j, j + P, j + 2 P, ... in
// ascending order from +0; then lanes i and i + P / 2 are added for i < P / 2, then i and i + P / 4 for i < P / 4, and so on down
// to one. Lanes without a column count as +0. The width of the vectors does not enter.
#pragma once

template <class T>
using Mask = decltype(Vec<T>{} < Vec<T>{});

/// 0, 1, 2, ... to compare columns with; as T, since the compiler compares those without a conversion.
template <class T>
struct LaneNumbers {
  alignas(64) T number[kPanelWidth<T>];
  constexpr LaneNumbers() : number{} {
    for (std::size_t i = 0; i < kPanelWidth<T>; ++i) number[i] = static_cast<T>(static_cast<int>(i));
  }
};
template <class T>
inline constexpr LaneNumbers<T> kLaneNumbers;

/// Where vector `part` of a row's panel `panel` lies.
template <class T>
CHAINRULE_INLINE T* vector_at(Panels<T> x, std::size_t row, std::size_t panel, std::size_t part) {
  return x.data + panel * x.stride + row * kPanelWidth<T> + part * kLanes<std::remove_const_t<T>>;
}

/// f(panel, part, mask) for each vector of a row; `mask` is set where the lane is a column.
template <class T, class F>
CHAINRULE_INLINE void for_each_vector(std::size_t panels, std::size_t columns, F f) {
  for (std::size_t panel = 0; panel < panels; ++panel) {
    const std::size_t rest = columns - panel * kPanelWidth<T>;
    const Vec<T> end = splat(static_cast<T>(static_cast<int>(rest < kPanelWidth<T> ? rest : kPanelWidth<T>)));
#pragma GCC unroll 8
    for (std::size_t part = 0; part < kVectorsPerPanel<T>; ++part) {
      f(panel, part, load(kLaneNumbers<T>.number + part * kLanes<T>) < end);
    }
  }
}

template <std::size_t W, class V, std::size_t... I>
CHAINRULE_INLINE V rotated(V v, std::index_sequence<I...>) {
  return __builtin_shufflevector(v, v, ((I + W) % sizeof...(I))...);
}
/// v combined with itself W lanes on, then W / 2, ... 1: every lane ends with the same bits, those of the halving tree.
template <std::size_t W, class V, class F>
CHAINRULE_INLINE V fold(V v, F f) {
  if constexpr (W == 0) {
    return v;
  } else {
    return fold<W / 2>(f(v, rotated<W>(v, std::make_index_sequence<sizeof(V) / sizeof(v[0])>{})), f);
  }
}

/// One accumulator for each lane of a panel.
template <class T>
struct LaneAccumulators {
  Vec<T> lane[kVectorsPerPanel<T>];
  CHAINRULE_INLINE explicit LaneAccumulators(T start) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kVectorsPerPanel<T>; ++i) lane[i] = splat(start);
  }
  CHAINRULE_INLINE Vec<T>& operator[](std::size_t part) { return lane[part]; }
  /// All lanes combined, in every lane of the result.
  template <class F>
  CHAINRULE_INLINE Vec<T> combined(F f) const {
    Vec<T> half[kVectorsPerPanel<T>];
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kVectorsPerPanel<T>; ++i) half[i] = lane[i];
#pragma GCC unroll 4
    for (std::size_t n = kVectorsPerPanel<T> / 2; n > 0; n /= 2) {
#pragma GCC unroll 4
      for (std::size_t i = 0; i < n; ++i) half[i] = f(half[i], half[i + n]);
    }
    return fold<kLanes<T> / 2>(half[0], f);
  }
  CHAINRULE_INLINE Vec<T> sum() const {
    return combined([](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return a + b; });
  }
};

/// The largest of a row's columns, NaN skipped, in every lane; -infinity where there is none.
template <class T>
CHAINRULE_INLINE Vec<T> row_max(Panels<const T> x, std::size_t row, std::size_t panels, std::size_t columns) {
  constexpr T kLowest = -static_cast<T>(kInfinity);
  LaneAccumulators<T> largest(kLowest);
  for_each_vector<T>(panels, columns, [&](std::size_t panel, std::size_t part, Mask<T> mask) CHAINRULE_INLINE_LAMBDA {
    const Vec<T> v = mask ? load(vector_at(x, row, panel, part)) : splat(kLowest);
    largest[part] = max(largest[part], v);
  });
  return largest.combined([](Vec<T> a, Vec<T> b) CHAINRULE_INLINE_LAMBDA { return max(a, b); });
}

/// Calls f(panels) with a constant 1 where there is one panel: most heads have few columns, and without the loops over panels a
/// row's vectors stay in registers.
template <class T, class F>
CHAINRULE_INLINE void with_panels(std::size_t columns, F f) {
  if (columns <= kPanelWidth<T>) {
    f(std::integral_constant<std::size_t, 1>{});
  } else {
    f(panel_count<T>(columns));
  }
}
