// g = x^T dz on panels, and the column sums of dz.
//
// Both operands of the weight gradient are read in whole panel rows, one after the other: a tile takes a few lanes of one panel of
// x and C panels of dz through a block of the batch, with the sums in registers. The panels of a block stay in the first-level
// cache while all tiles of g need them; between two blocks g holds the sums, and each chain goes on where it was.

// A cache line of each row, of one panel of x and two of dz, are 48 KiB. 2048-4096-4096-1000 with batches of 512, Zen 5 with as
// much first-level cache, 2026-11: this kernel went from 0.77 to 0.6 of the other products' time. 192 rows: no faster there, and 2
// % slower for batches of 200, which are then two blocks.
inline constexpr std::size_t kBatchBlock = 256;

template <class T, std::size_t R, std::size_t C>
__attribute__((noinline)) void weight_gradient_tile(const WeightGradientArgs<T>& args, std::size_t begin, std::size_t end,
                                                    const T* x, const T* dz, T* g) {
  constexpr std::size_t P = kPanelWidth<T>;
  Tile<T, R, C> tile;
  if (begin == 0) {
    tile.clear();
  } else {
#pragma GCC unroll 32
    for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 32
      for (std::size_t v = 0; v < tile.kVectors; ++v) tile.sum[r][v] = load(tile.at(g + r * P, args.g.stride, v));
    }
  }
#pragma GCC unroll 4
  for (std::size_t i = begin; i < end; ++i) tile.update(x + i * P, 1, dz + i * P, args.dz.stride);
#pragma GCC unroll 32
  for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 32
    for (std::size_t v = 0; v < tile.kVectors; ++v) store(tile.at(g + r * P, args.g.stride, v), tile.sum[r][v]);
  }
}

template <class T>
using WeightGradientTile = void (*)(const WeightGradientArgs<T>&, std::size_t begin, std::size_t end, const T* x, const T* dz,
                                    T* g);
template <class T>
inline constexpr auto kWeightGradientTiles = tile_table<T, kPanelWidth<T>, WeightGradientTile<T>>(
    []<std::size_t R, std::size_t C>() { return weight_gradient_tile<T, R, C>; },
    std::make_index_sequence<kTallest<T> * kWidthCount>());

/// What rows [begin, end) of the batch add to g.
template <class T>
CHAINRULE_INLINE void add_block(const WeightGradientArgs<T>& args, std::size_t begin, std::size_t end) {
  constexpr std::size_t P = kPanelWidth<T>;
  for (std::size_t first = 0; first < args.rows; first += P) {
    const T* x = args.x.data + first / P * args.x.stride;
    T* g = args.g.data + first * P;
    for_each_tile<T>(kWeightGradientTiles<T>, args.rows - first < P ? args.rows - first : P, args.panels,
                     [&](WeightGradientTile<T> tile, std::size_t row, std::size_t panel) CHAINRULE_INLINE_LAMBDA {
                       tile(args, begin, end, x + row, args.dz.data + panel * args.dz.stride, g + panel * args.g.stride + row * P);
                     });
  }
}

template <class T>
CHAINRULE_INLINE void gemm_weight_gradient_kernel(const WeightGradientArgs<T>& args) {
  const std::size_t blocks = args.batch <= kBatchBlock ? 1 : (args.batch + kBatchBlock - 1) / kBatchBlock;
  for (std::size_t block = 0; block < blocks; ++block) {
    add_block(args, args.batch * block / blocks, args.batch * (block + 1) / blocks);
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
