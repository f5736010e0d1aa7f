// dst = src^T on panels: the copy of the weights that the input gradient reads.
//
// Square blocks of one vector's width are transposed in registers, in log2(width) rounds: round s swaps the off-diagonal halves of
// all blocks of 2 s lanes by 2 s rows.

template <class T, std::size_t S, std::size_t... I>
CHAINRULE_INLINE void swap_halves(Vec<T>& a, Vec<T>& b, std::index_sequence<I...>) {
  constexpr std::size_t L = sizeof...(I);
  const Vec<T> low = __builtin_shufflevector(a, b, ((I & S) == 0 ? I : L + I - S)...);
  b = __builtin_shufflevector(a, b, ((I & S) == 0 ? I + S : L + I)...);
  a = low;
}

template <class T, std::size_t S>
CHAINRULE_INLINE void transpose_round(Vec<T> (&block)[kLanes<T>]) {
  if constexpr (S < kLanes<T>) {
#pragma GCC unroll 32
    for (std::size_t i = 0; i < kLanes<T>; ++i) {
      if ((i & S) == 0) swap_halves<T, S>(block[i], block[i + S], std::make_index_sequence<kLanes<T>>());
    }
    transpose_round<T, 2 * S>(block);
  }
}

/// A square of kLanes rows, `columns` of its columns wanted.
template <class T>
CHAINRULE_INLINE void transpose_square(const T* src, T* dst, std::size_t columns) {
  constexpr std::size_t P = kPanelWidth<T>;
  Vec<T> block[kLanes<T>];
#pragma GCC unroll 32
  for (std::size_t i = 0; i < kLanes<T>; ++i) block[i] = load(src + i * P);
  transpose_round<T, 1>(block);
#pragma GCC unroll 32
  for (std::size_t i = 0; i < kLanes<T>; ++i) {
    if (i < columns) store(dst + i * P, block[i]);
  }
}

template <class T>
CHAINRULE_INLINE void transpose_panels_kernel(const TransposeArgs<T>& args) {
  constexpr std::size_t P = kPanelWidth<T>;
  constexpr std::size_t L = kLanes<T>;
  for (std::size_t j = 0; j < args.columns; j += L) {
    const std::size_t columns = args.columns - j < L ? args.columns - j : L;
    const T* src = args.src.data + j / P * args.src.stride + j % P;
    T* dst = args.dst.data + j * P;
    std::size_t i = 0;
    for (; i + L <= args.rows; i += L) transpose_square(src + i * P, dst + i / P * args.dst.stride + i % P, columns);
    for (; i < args.rows; ++i) {
      for (std::size_t column = 0; column < columns; ++column) {
        dst[i / P * args.dst.stride + column * P + i % P] = src[i * P + column];
      }
    }
  }
}
