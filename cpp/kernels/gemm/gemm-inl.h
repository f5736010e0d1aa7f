// c = a b on panels: the forward product z = x w + b and the input gradient dx = dz w^T, which differ only in what they are called
// with (the input gradient's right operand is the transposed copy of the weights, kept in panels too).
//
// The right operand is read in long runs, C panels at a time, over the whole depth: the accumulators never leave the registers, so
// no partial sum is ever stored and each element is one chain of fma. The left operand is broadcast from panels, whose rows lie one
// cache line apart at constant offsets from one pointer.

// The hardware does not foresee the step from R lines of one panel of the left operand to R lines of the next. Where these are
// beyond the second-level cache, they are asked for a panel ahead (256 x 4096 x 4096, Zen 5 with 1 MiB: 246 -> 256 GFLOP/s,
// 2026-11).
inline constexpr std::size_t kFarBytes = std::size_t{512} * 1024;

template <class T, std::size_t R, std::size_t C>
CHAINRULE_INLINE void multiply(Tile<T, R, C>& tile, const GemmArgs<T>& args, std::size_t row, std::size_t panel) {
  constexpr std::size_t P = kPanelWidth<T>;
  const T* a = args.a.data + row * P;
  const T* b = args.b.data + panel * args.b.stride;
  const bool far = args.rows * args.depth * sizeof(T) > kFarBytes;
  tile.clear();
  std::size_t depth = args.depth;
  for (; depth >= P; depth -= P, a += args.a.stride) {
    if (far) {
#pragma GCC unroll 32
      for (std::size_t r = 0; r < R; ++r) __builtin_prefetch(a + args.a.stride + r * P);
    }
#pragma GCC unroll 4
    for (std::size_t lane = 0; lane < P; ++lane, b += P) tile.update(a + lane, P, b, args.b.stride);
  }
#pragma GCC unroll 1
  for (std::size_t lane = 0; lane < depth; ++lane, b += P) tile.update(a + lane, P, b, args.b.stride);
}

template <class T, std::size_t R, std::size_t C>
CHAINRULE_INLINE void finish(Tile<T, R, C>& tile, const GemmArgs<T>& args, std::size_t row, std::size_t panel) {
  using Sums = Tile<T, R, C>;
  constexpr std::size_t P = kPanelWidth<T>;
  T* c = args.c.data + panel * args.c.stride + row * P;
  if (args.bias.data != nullptr) {
    const T* bias = args.bias.data + panel * args.bias.stride;
#pragma GCC unroll 32
    for (std::size_t v = 0; v < Sums::kVectors; ++v) {
      const Vec<T> add = load(Sums::at(bias, args.bias.stride, v));
#pragma GCC unroll 32
      for (std::size_t r = 0; r < R; ++r) tile.sum[r][v] += add;
    }
  }
  const auto write = [&](auto epilogue) CHAINRULE_INLINE_LAMBDA {
#pragma GCC unroll 32
    for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 32
      for (std::size_t v = 0; v < Sums::kVectors; ++v) store(Sums::at(c + r * P, args.c.stride, v), epilogue(r, v));
    }
  };
  switch (args.epilogue) {
    case Epilogue::none:
      write([&](std::size_t r, std::size_t v) CHAINRULE_INLINE_LAMBDA { return tile.sum[r][v]; });
      break;
    case Epilogue::relu:
      write([&](std::size_t r, std::size_t v) CHAINRULE_INLINE_LAMBDA { return relu(tile.sum[r][v]); });
      break;
    case Epilogue::relu_backward: {
      const T* saved = args.saved.data + panel * args.saved.stride + row * P;
      write([&](std::size_t r, std::size_t v) CHAINRULE_INLINE_LAMBDA {
        return relu_backward(tile.sum[r][v], load(Sums::at(saved + r * P, args.saved.stride, v)));
      });
      break;
    }
  }
}

template <class T, std::size_t R, std::size_t C>
__attribute__((noinline)) void gemm_tile(const GemmArgs<T>& args, std::size_t row, std::size_t panel) {
  Tile<T, R, C> tile;
  multiply(tile, args, row, panel);
  finish(tile, args, row, panel);
}

template <class T>
using GemmTile = void (*)(const GemmArgs<T>&, std::size_t row, std::size_t panel);
template <class T>
inline constexpr auto kGemmTiles = tile_table<T, kTallest<T>, GemmTile<T>>(
    []<std::size_t R, std::size_t C>() { return gemm_tile<T, R, C>; }, std::make_index_sequence<kTallest<T> * kWidthCount>());

template <class T>
CHAINRULE_INLINE void gemm(const GemmArgs<T>& args) {
  for_each_tile<T>(kGemmTiles<T>, args.rows, args.panels,
                   [&](GemmTile<T> tile, std::size_t row, std::size_t panel) CHAINRULE_INLINE_LAMBDA { tile(args, row, panel); });
}

template <class T>
CHAINRULE_INLINE void gemm_forward_kernel(const GemmArgs<T>& args) {
  gemm(args);
}

template <class T>
CHAINRULE_INLINE void gemm_input_gradient_kernel(const GemmArgs<T>& args) {
  gemm(args);
}
