// g = x^T dz on panels, and the column sums of dz.
//
// Both operands of the weight gradient are read in whole panel rows, one after the other: a tile takes a few lanes of one panel of
// x and C panels of dz through the whole batch, with the sums in registers.

template <class T, std::size_t R, std::size_t C>
__attribute__((noinline)) void weight_gradient_tile(const WeightGradientArgs<T>& args, const T* x, const T* dz, T* g) {
  constexpr std::size_t P = kPanelWidth<T>;
  Tile<T, R, C> tile;
  tile.clear();
#pragma GCC unroll 4
  for (std::size_t i = 0; i < args.batch; ++i) tile.update(x + i * P, 1, dz + i * P, args.dz.stride);
#pragma GCC unroll 32
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (std::size_t v = 0; v < tile.kVectors; ++v) store(tile.at(g + r * P, args.g.stride, v), tile.sum[r][v]);
  }
}

template <class T>
CHAINRULE_INLINE void gemm_weight_gradient_kernel(const WeightGradientArgs<T>& args) {
  constexpr std::size_t P = kPanelWidth<T>;
  for (std::size_t first = 0; first < args.rows; first += P) {
    const std::size_t rows = args.rows - first < P ? args.rows - first : P;
    const std::size_t tiles = (rows + kTallest<T> - 1) / kTallest<T>;
    const std::size_t height = (rows + tiles - 1) / tiles;
    const T* x = args.x.data + first / P * args.x.stride;
    for (std::size_t panel = 0; panel < args.panels;) {
      const std::size_t width = panels_of_tile<T>(height, args.panels - panel);
      const T* dz = args.dz.data + panel * args.dz.stride;
      T* g = args.g.data + panel * args.g.stride + first * P;
      for (std::size_t tile = 0; tile < tiles; ++tile) {
        const std::size_t row = rows * tile / tiles;
        with_tile<T, kTallest<T>>(rows * (tile + 1) / tiles - row, width, [&]<std::size_t R, std::size_t C>() {
          weight_gradient_tile<T, R, C>(args, x + row, dz, g + row * P);
        });
      }
      panel += width;
    }
  }
}

// Sums of four panels at a time where there are as many: an addition takes 3 or 4 cycles, and each column is one chain.
template <class T, std::size_t C>
CHAINRULE_INLINE void sum_panels(const ColumnSumArgs<T>& args, std::size_t panel) {
  constexpr std::size_t P = kPanelWidth<T>;
  const T* x = args.x.data + panel * args.x.stride;
  Tile<T, 1, C> tile;
  tile.clear();
  for (std::size_t i = 0; i < args.rows; ++i) {
#pragma GCC unroll 32
    for (std::size_t v = 0; v < tile.kVectors; ++v) tile.sum[0][v] += load(tile.at(x + i * P, args.x.stride, v));
  }
#pragma GCC unroll 32
  for (std::size_t v = 0; v < tile.kVectors; ++v) {
    store(tile.at(args.sum.data + panel * args.sum.stride, args.sum.stride, v), tile.sum[0][v]);
  }
}

template <class T>
CHAINRULE_INLINE void column_sum_kernel(const ColumnSumArgs<T>& args) {
  std::size_t panel = 0;
  for (; panel + 4 <= args.panels; panel += 4) sum_panels<T, 4>(args, panel);
  for (; panel < args.panels; ++panel) sum_panels<T, 1>(args, panel);
}
