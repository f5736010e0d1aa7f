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

/// The most rows of a tile of `panels` panels that stays in registers.
template <class T>
constexpr std::size_t most_rows(std::size_t panels) {
  std::size_t rows = 1;
  while (tile_registers<T>(rows + 1, panels) <= kRegisters) ++rows;
  return rows;
}

/// The tallest tile: two panels wide with 64-byte vectors (14 x 2: one panel would leave the broadcasts as the bound), else one (6
/// x 1).
template <class T>
inline constexpr std::size_t kTallest = most_rows<T>(kVectorsPerPanel<T> == 1 ? 2 : 1);

/// The widest tile of R rows, in panels (1, 2, 4 or 8): few rows need many panels, since an fma takes 4 cycles and two start in
/// each.
template <class T>
constexpr std::size_t widest(std::size_t rows) {
  std::size_t panels = 8;
  while (panels > 1 && tile_registers<T>(rows, panels) > kRegisters) panels /= 2;
  return panels;
}

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

/// Calls run.template operator()<R, C>() for sizes known only at run time: 1 <= rows <= kTallest, panels one of the widths of that
/// R.
template <class T, std::size_t R, class Run>
CHAINRULE_INLINE void with_width(std::size_t panels, const Run& run) {
  if constexpr (widest<T>(R) >= 8) {
    if (panels == 8) return run.template operator()<R, 8>();
  }
  if constexpr (widest<T>(R) >= 4) {
    if (panels == 4) return run.template operator()<R, 4>();
  }
  if constexpr (widest<T>(R) >= 2) {
    if (panels == 2) return run.template operator()<R, 2>();
  }
  run.template operator()<R, 1>();
}

template <class T, std::size_t R, class Run>
CHAINRULE_INLINE void with_tile(std::size_t rows, std::size_t panels, const Run& run) {
  if constexpr (R > 1) {
    if (rows < R) return with_tile<T, R - 1>(rows, panels, run);
  }
  with_width<T, R>(panels, run);
}

/// The widest tile of `rows` rows, at most `left` panels.
template <class T>
CHAINRULE_INLINE std::size_t panels_of_tile(std::size_t rows, std::size_t left) {
  std::size_t panels = widest<T>(rows);
  while (panels > left) panels /= 2;
  return panels;
}
