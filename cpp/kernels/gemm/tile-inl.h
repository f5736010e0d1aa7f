// The register tile that every product is made of: R rows by C panels of accumulators, and the rank-1 update that feeds them.
//
// R and C are template parameters and every loop over accumulators is unrolled by force: left to itself the compiler keeps them in
// memory, and the same code runs at a third of the speed.

// 64-byte vectors are AVX-512's; where tests compile them without it, its tiles are what is to be tested.
#if CHAINRULE_VECTOR_BYTES == 64 || defined(__aarch64__)
inline constexpr std::size_t kRegisters = 32;
#else
inline constexpr std::size_t kRegisters = 16;
#endif

/// Vector registers of an R x C tile: accumulators, one row of the right operand (from memory where it is used once), one
/// broadcast.
template <class T>
constexpr std::size_t tile_registers(std::size_t rows, std::size_t panels) {
  const std::size_t row = panels * kVectorsPerPanel<T>;
  return rows * row + (rows > 1 ? row : 1) + 1;
}

/// Whether an R x C tile stays in registers. Three panels serve only where two are the usual width.
template <class T>
constexpr bool fits(std::size_t rows, std::size_t panels) {
  return tile_registers<T>(rows, panels) <= kRegisters && (panels != 3 || kVectorsPerPanel<T> == 1);
}

/// The width of tall tiles: two panels with 64-byte vectors (14 x 2; with one, the broadcasts would be the bound), else one (6 x
/// 1).
template <class T>
inline constexpr std::size_t kUsualWidth = kVectorsPerPanel<T> == 1 ? 2 : 1;

/// The most rows of a tile of `panels` panels, at most `limit`.
template <class T>
constexpr std::size_t most_rows(std::size_t panels, std::size_t limit = kRegisters) {
  std::size_t rows = 1;
  while (rows < limit && fits<T>(rows + 1, panels)) ++rows;
  return rows;
}
template <class T>
inline constexpr std::size_t kTallest = most_rows<T>(kUsualWidth<T>);

/// The widths that tiles come in, widest first.
inline constexpr std::size_t kWidths[] = {8, 4, 3, 2, 1};
inline constexpr std::size_t kWidthCount = sizeof(kWidths) / sizeof(kWidths[0]);

template <class T, std::size_t R, std::size_t C>
struct Tile {
  static constexpr std::size_t kVectors = C * kVectorsPerPanel<T>;
  Vec<T> sum[R][kVectors];

  CHAINRULE_INLINE void clear() {
#pragma GCC unroll 32
    for (std::size_t r = 0; r < R; ++r) {
#pragma GCC unroll 32
      for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = Vec<T>{};
    }
  }

  /// sum[r] += a[r * step] * (the row of the right operand at b, C panels of it).
  CHAINRULE_INLINE void update(const T* a, std::size_t step, const T* b, std::size_t stride) {
    Vec<T> row[kVectors];
#pragma GCC unroll 32
    for (std::size_t v = 0; v < kVectors; ++v) row[v] = load(at(b, stride, v));
#pragma GCC unroll 32
    for (std::size_t r = 0; r < R; ++r) {
      const Vec<T> scalar = splat(a[r * step]);
#pragma GCC unroll 32
      for (std::size_t v = 0; v < kVectors; ++v) sum[r][v] = fma(scalar, row[v], sum[r][v]);
    }
  }

  /// Vector v of a row that spans C panels.
  template <class Pointer>
  static CHAINRULE_INLINE Pointer at(Pointer row, std::size_t stride, std::size_t v) {
    return row + v / kVectorsPerPanel<T> * stride + v % kVectorsPerPanel<T> * kLanes<T>;
  }
};

template <class T>
struct MostRows {
  std::size_t of[kWidthCount];
  constexpr MostRows() : of{} {
    for (std::size_t i = 0; i < kWidthCount; ++i) of[i] = most_rows<T>(kWidths[i], kTallest<T>);
  }
  constexpr std::size_t operator[](std::size_t number) const { return of[number]; }
};
template <class T>
inline constexpr MostRows<T> kMostRows;

/// run.template operator()<R, C>() as a table of functions, for sizes known only at run time: [R - 1][number of C in kWidths], null
/// where the tile does not fit or is taller than Limit.
template <class T, std::size_t Limit, class Function, class Make, std::size_t... I>
constexpr auto tile_table(Make make, std::index_sequence<I...>) {
  struct Table {
    Function at[kTallest<T>][kWidthCount];
  };
  Table table = {};
  const auto fill = [&]<std::size_t R, std::size_t W>() {
    if constexpr (R + 1 <= Limit && fits<T>(R + 1, kWidths[W])) table.at[R][W] = make.template operator()<R + 1, kWidths[W]>();
  };
  (fill.template operator()<I / kWidthCount, I % kWidthCount>(), ...);
  return table;
}

/// Number in kWidths of the next tile's width where `left` panels are left: as wide as its height allows, since an fma takes 4
/// cycles and two start in each; but three panels rather than two and one, which alone would be bound by its broadcasts.
template <class T>
CHAINRULE_INLINE std::size_t next_width(std::size_t rows, std::size_t left) {
  const std::size_t height = rows < kTallest<T> ? rows : kTallest<T>;
  std::size_t number = 0;
  while (kWidths[number] > left || !fits<T>(height, kWidths[number])) ++number;
  constexpr std::size_t kThree = 2;
  const bool rest_of_one = kWidths[number] == 2 && left == 3 && fits<T>(1, 3);
  return rest_of_one ? kThree : number;
}

/// Calls run(tile, row, panel) for the tiles, from `table`, that cover `rows` rows and `panels` panels. Heights are nearly equal: a
/// short last tile would have too few chains to fill the pipeline.
template <class T, class Table, class Run>
CHAINRULE_INLINE void for_each_tile(const Table& table, std::size_t rows, std::size_t panels, Run run) {
  if (rows == 0) return;
  for (std::size_t panel = 0; panel < panels;) {
    const std::size_t number = next_width<T>(rows, panels - panel);
    const std::size_t tallest = kMostRows<T>[number];
    const std::size_t tiles = (rows + tallest - 1) / tallest;
    for (std::size_t tile = 0, row = 0; tile < tiles; ++tile) {
      const std::size_t end = rows * (tile + 1) / tiles;
      run(table.at[end - row - 1][number], row, panel);
      row = end;
    }
    panel += kWidths[number];
  }
}
