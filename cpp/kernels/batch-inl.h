// Batches: rows of a caller's array into panels, and dropout masks.

// gather_rows: dst[i, j] = scale * static_cast<T>(source[index[i], j]); padding lanes are written as 0. v - v is 0 for every finite
// v and NaN for every other: summed in a vector it costs next to nothing, and one look at the end does for all rows.
// The source may be misaligned and its strides of any sign; dst must not overlap it.

// convert: one panel row of T from as many consecutive elements of type S, each times scale; adds v - v to poison where S has NaN.

/// Any type: lane by lane.
template <class S, class T>
CHAINRULE_INLINE void convert(const char* source, S, T* lane, T scale, Vec<T>& poison) {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kPanelWidth<T>; ++i) {
    S element;
    __builtin_memcpy(&element, source + i * sizeof(S), sizeof(S));
    const T v = static_cast<T>(element);
    lane[i] = scale * v;
    if constexpr (static_cast<S>(0.5) != S{}) poison[0] += v - v;
  }
}
template <class T>
CHAINRULE_INLINE void convert(const char* source, T, T* lane, T scale, Vec<T>& poison) {
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kPanelWidth<T>; i += kLanes<T>) {
    Vec<T> v;
    __builtin_memcpy(&v, source + i * sizeof(T), sizeof(v));
    store(lane + i, scale * v);
    poison += v - v;
  }
}
CHAINRULE_INLINE void convert(const char* source, double, float* lane, float scale, Vec<float>& poison) {
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kPanelWidth<float>; i += kLanes<float>) {
    DoublePair pair;
    __builtin_memcpy(&pair, source + i * sizeof(double), sizeof(pair));
    const Vec<float> v = narrowed(pair);
    store(lane + i, scale * v);
    poison += v - v;
  }
}
/// Images are bytes: widened by interleaving with zeros, which every instruction set does in one operation.
CHAINRULE_INLINE void convert(const char* source, std::uint8_t, float* lane, float scale, Vec<float>&) {
  typedef std::uint8_t Bytes __attribute__((vector_size(16)));
  typedef std::uint16_t Words __attribute__((vector_size(16)));
  typedef std::int32_t Ints __attribute__((vector_size(16)));
  typedef float Floats __attribute__((vector_size(16)));
  Bytes bytes;
  __builtin_memcpy(&bytes, source, sizeof(bytes));
  const Bytes no_bytes = {};
  const Words no_words = {};
  const Words words[2] = {
      (Words)__builtin_shufflevector(bytes, no_bytes, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
      (Words)__builtin_shufflevector(bytes, no_bytes, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)};
#pragma GCC unroll 2
  for (std::size_t i = 0; i < 2; ++i) {
    const Ints low = (Ints)__builtin_shufflevector(words[i], no_words, 0, 8, 1, 9, 2, 10, 3, 11);
    const Ints high = (Ints)__builtin_shufflevector(words[i], no_words, 4, 12, 5, 13, 6, 14, 7, 15);
    const Floats floats[2] = {scale * __builtin_convertvector(low, Floats), scale * __builtin_convertvector(high, Floats)};
    __builtin_memcpy(lane + i * 8, floats, sizeof(floats));
  }
}

/// The first `count` elements of a panel row and zeros after them, from consecutive elements of T.
template <class T>
CHAINRULE_INLINE void convert_first(const char* source, T* lane, std::size_t count, T scale, Vec<T>& poison) {
  const T* elements = reinterpret_cast<const T*>(source);
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kPanelWidth<T>; i += kLanes<T>) {
    const std::size_t left = count > i ? count - i : 0;
    const Vec<T> v = left >= kLanes<T> ? load(elements + i) : load_first(elements + i, left);
    store(lane + i, scale * v);
    if (left < kLanes<T>) store(lane + i, load_first(lane + i, left));  // 0 * scale might be -0 or NaN
    poison += v - v;
  }
}

template <class T, class S>
CHAINRULE_INLINE void gather_rows_of(GatherArgs<T> args) {
  constexpr std::size_t P = kPanelWidth<T>;
  const bool consecutive = args.columns == 1 || args.column_stride == static_cast<std::ptrdiff_t>(sizeof(S));
  Vec<T> poison = {};
  for (std::size_t row = 0; row < args.rows; ++row) {
    const auto source_row = args.index != nullptr ? static_cast<std::ptrdiff_t>(args.index[row]) : static_cast<std::ptrdiff_t>(row);
    const char* source = static_cast<const char*>(args.source) + source_row * args.row_stride;
    std::size_t column = 0;
    if (consecutive) {
      for (; column + P <= args.columns; column += P, source += P * sizeof(S)) {
        convert(source, S{}, args.dst.at(row, column), args.scale, poison);
      }
      if constexpr (std::is_same_v<S, T>) {
        if (column < args.columns) {
          convert_first(source, args.dst.at(row, column), args.columns - column, args.scale, poison);
        }
        continue;
      }
    }
    for (; column < args.columns; column += P) {
      const std::size_t count = args.columns - column < P ? args.columns - column : P;
      char elements[P * sizeof(S)] = {};
      for (std::size_t i = 0; i < count; ++i, source += args.column_stride) {
        __builtin_memcpy(elements + i * sizeof(S), source, sizeof(S));
      }
      T* lane = args.dst.at(row, column);
      convert(static_cast<const char*>(elements), S{}, lane, args.scale, poison);
      for (std::size_t i = count; i < P; ++i) lane[i] = T{0};  // 0 * scale might be -0 or NaN
    }
  }
  for (std::size_t i = 0; i < kLanes<T>; ++i) {
    if (poison[i] != 0) *args.finite = false;
  }
}

template <class T>
CHAINRULE_INLINE void gather_rows_kernel(const GatherArgs<T>& args) {
  switch (args.type) {
#define CHAINRULE_SOURCE(name, type) \
  case Source::name:                 \
    gather_rows_of<T, type>(args);   \
    break;
#include "kernels/sources.inc"
#undef CHAINRULE_SOURCE
  }
}

// dropout_mask: element e = (first_row + i) columns + j is kept where word e % 4 of Philox4x32-10 (base/philox.h) at counter block
// e / 4 is below keep_below. The counter's words, low bits first:
//   word 0   block, bits 0 to 31
//   word 1   step, bits 0 to 31
//   word 2   RandomStream::dropout in bits 0 to 7, step's bits 32 to 55 above them
//   word 3   layer in bits 0 to 15, block's bits 32 to 47 above them
// and the key is the seed. So no two (step, layer, element) below 2^56, 2^16 and 2^50 share a number, nor do other streams.
// Padding lanes hold draws without meaning.

/// Words of consecutive blocks.
struct DropoutWords {
  static constexpr std::size_t kBlocks = 64;
  static constexpr std::size_t kCount = 4 * kBlocks;
  alignas(64) std::uint32_t word[kCount];
};

inline constexpr std::size_t kBlocksPerVector = CHAINRULE_VECTOR_BYTES / sizeof(std::uint64_t);
template <std::size_t... I>
CHAINRULE_INLINE Bits counting(std::index_sequence<I...>) {
  return Bits{I...};
}
/// low[0], high[0], low[1], high[1], ... to p.
template <std::size_t... I>
CHAINRULE_INLINE void store_interleaved(std::uint32_t* p, Bits low, Bits high, std::index_sequence<I...>) {
  constexpr std::size_t N = kBlocksPerVector;
  const Bits both[2] = {__builtin_shufflevector(low, high, (I / 2 + I % 2 * N)...),
                        __builtin_shufflevector(low, high, ((I + N) / 2 + I % 2 * N)...)};
  __builtin_memcpy(p, both, sizeof(both));
}

/// Philox, one block to each 64-bit lane: the low halves hold the words. See base/philox.h for the scalar form and its source.
template <class T>
CHAINRULE_INLINE void draw(DropoutWords& words, const DropoutArgs<T>& args, std::uint64_t first_block) {
  constexpr std::uint64_t kLow = 0xFFFFFFFFU;
  constexpr std::uint64_t kStream = 3;  // RandomStream::dropout; that header's functions would be weak symbols here
  constexpr std::make_index_sequence<kBlocksPerVector> kLanesOf{};
  for (std::size_t begin = 0; begin < DropoutWords::kBlocks; begin += kBlocksPerVector) {
    const Bits block = counting(kLanesOf) + (first_block + begin);
    Bits c0 = block & kLow;
    Bits c1 = Bits{} + (args.step & kLow);
    Bits c2 = Bits{} + ((kStream | args.step >> 32U << 8U) & kLow);
    Bits c3 = ((block >> 32 << 16) | args.layer) & kLow;
    auto key0 = static_cast<std::uint32_t>(args.seed);
    auto key1 = static_cast<std::uint32_t>(args.seed >> 32U);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const Bits product0 = c0 * std::uint64_t{0xD2511F53U};
      const Bits product1 = c2 * std::uint64_t{0xCD9E8D57U};
      c0 = (product1 >> 32) ^ c1 ^ std::uint64_t{key0};
      c1 = product1 & kLow;
      c2 = (product0 >> 32) ^ c3 ^ std::uint64_t{key1};
      c3 = product0 & kLow;
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
    store_interleaved(words.word + 4 * begin, c0 | c1 << 32, c2 | c3 << 32, kLanesOf);
  }
}

/// scale where the word is below keep_below, else 0.
CHAINRULE_INLINE Vec<float> kept(const std::uint32_t* word, std::uint32_t keep_below, float scale) {
  FloatBits v;
  __builtin_memcpy(&v, word, sizeof(v));
  return v < keep_below ? splat(scale) : Vec<float>{};
}
CHAINRULE_INLINE Vec<double> kept(const std::uint32_t* word, std::uint32_t keep_below, double scale) {
  typedef std::uint32_t HalfBits __attribute__((vector_size(CHAINRULE_VECTOR_BYTES / 2)));
  typedef std::int64_t Ints __attribute__((vector_size(CHAINRULE_VECTOR_BYTES)));
  HalfBits v;
  __builtin_memcpy(&v, word, sizeof(v));
  return __builtin_convertvector(v, Ints) < std::int64_t{keep_below} ? splat(scale) : Vec<double>{};
}

template <class T>
CHAINRULE_INLINE void dropout_mask_kernel(const DropoutArgs<T>& arguments) {
  const DropoutArgs<T> args = arguments;
  constexpr std::size_t P = kPanelWidth<T>;
  DropoutWords words;
  std::uint64_t begin = 0;  // elements [begin, end) are drawn
  std::uint64_t end = 0;
  for (std::size_t row = 0; row < args.rows; ++row) {
    std::uint64_t element = static_cast<std::uint64_t>(args.first_row + row) * args.columns;
    for (std::size_t column = 0; column < args.columns; column += P, element += P) {
      if (element < begin || element + P > end) {
        draw(words, args, element / 4);
        begin = element / 4 * 4;
        end = begin + DropoutWords::kCount;
      }
      const std::uint32_t* word = words.word + (element - begin);
      T* lane = args.mask.at(row, column);
#pragma GCC unroll 8
      for (std::size_t i = 0; i < P; i += kLanes<T>) store(lane + i, kept(word + i, args.keep_below, args.scale));
    }
  }
}
