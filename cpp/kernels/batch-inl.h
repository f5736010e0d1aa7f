// Batches: rows of a caller's array into panels, and dropout masks.

// gather_rows: dst[i, j] = scale * static_cast<T>(source[index[i], j]); the product is left out where scale is 1.
// Padding lanes are written as 0. The source may be misaligned and its strides of any sign; dst must not overlap it.

/// A panel's row as one value.
template <class T>
struct alignas(64) PanelRow {
  T lane[kPanelWidth<T>];
};

/// Consecutive elements of type S to a panel row of T. The general form is a loop over lanes.
template <class T, class S>
CHAINRULE_INLINE void convert(const S* source, T* lane) {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kPanelWidth<T>; ++i) lane[i] = static_cast<T>(source[i]);
}
template <class T>
CHAINRULE_INLINE void convert(const T* source, T* lane) {
  __builtin_memcpy(lane, source, sizeof(PanelRow<T>));
}
CHAINRULE_INLINE void convert(const double* source, float* lane) {
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kPanelWidth<float>; i += kLanes<float>) {
    store(lane + i, to_floats({load(source + i), load(source + i + kLanes<double>)}));
  }
}
CHAINRULE_INLINE void convert(const float* source, double* lane) {
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kPanelWidth<double>; i += kLanes<double>) {
    HalfVec v;
    __builtin_memcpy(&v, source + i, sizeof(v));
    store(lane + i, __builtin_convertvector(v, Vec<double>));
  }
}
typedef std::int32_t FourInts __attribute__((vector_size(16)));
typedef float FourFloats __attribute__((vector_size(16)));
/// Images are bytes: widened by interleaving with zeros, which every instruction set does in one operation.
CHAINRULE_INLINE void convert(const std::uint8_t* source, float* lane) {
  typedef std::uint8_t Bytes __attribute__((vector_size(16)));
  typedef std::uint16_t Words __attribute__((vector_size(16)));
  Bytes bytes;
  __builtin_memcpy(&bytes, source, sizeof(bytes));
  const Bytes no_bytes = {};
  const Words no_words = {};
  const Words words[2] = {
      (Words)__builtin_shufflevector(bytes, no_bytes, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
      (Words)__builtin_shufflevector(bytes, no_bytes, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)};
#pragma GCC unroll 2
  for (std::size_t i = 0; i < 2; ++i) {
    const FourInts low = (FourInts)__builtin_shufflevector(words[i], no_words, 0, 8, 1, 9, 2, 10, 3, 11);
    const FourInts high = (FourInts)__builtin_shufflevector(words[i], no_words, 4, 12, 5, 13, 6, 14, 7, 15);
    const FourFloats floats[2] = {__builtin_convertvector(low, FourFloats), __builtin_convertvector(high, FourFloats)};
    __builtin_memcpy(lane + i * 8, floats, sizeof(floats));
  }
}

template <class T, class S>
CHAINRULE_INLINE void gather_rows_of(const GatherArgs<T>& args) {
  constexpr std::size_t P = kPanelWidth<T>;
  const bool consecutive = args.column_stride == static_cast<std::ptrdiff_t>(sizeof(S));
  const Vec<T> scale = splat(args.scale);
  for (std::size_t row = 0; row < args.rows; ++row) {
    const auto source_row = args.index != nullptr ? static_cast<std::ptrdiff_t>(args.index[row]) : static_cast<std::ptrdiff_t>(row);
    const char* source = static_cast<const char*>(args.source) + source_row * args.row_stride;
    for (std::size_t begin = 0; begin < args.columns; begin += P) {
      const std::size_t count = args.columns - begin < P ? args.columns - begin : P;
      S element[P];
      if (consecutive && count == P) {
        __builtin_memcpy(element, source, sizeof(element));
        source += sizeof(element);
      } else {
        __builtin_memset(element, 0, sizeof(element));
        for (std::size_t i = 0; i < count; ++i, source += args.column_stride) __builtin_memcpy(element + i, source, sizeof(S));
      }
      T* lane = args.dst.at(row, begin);
      convert(static_cast<const S*>(element), lane);
      if (args.scale == T{1}) continue;
#pragma GCC unroll 8
      for (std::size_t i = 0; i < P; i += kLanes<T>) store(lane + i, scale * load(lane + i));
      for (std::size_t i = count; i < P; ++i) lane[i] = T{0};  // a scale that is negative or not finite would not leave 0
    }
  }
}

template <class T>
CHAINRULE_INLINE void gather_rows_kernel(const GatherArgs<T>& args) {
  switch (args.type) {
#define CHAINRULE_SOURCE(name, type)   \
  case Source::name:                   \
    gather_rows_of<T, type>(args);     \
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

/// Philox, one block to each 64-bit lane: the low halves hold the words. See base/philox.h for the scalar form and its source.
template <class T>
CHAINRULE_INLINE void draw(DropoutWords& words, const DropoutArgs<T>& args, std::uint64_t first_block) {
  constexpr std::size_t kBlocksPerVector = CHAINRULE_VECTOR_BYTES / sizeof(std::uint64_t);
  constexpr std::uint64_t kLow = 0xFFFFFFFFU;
  constexpr std::uint64_t kStream = 3;  // RandomStream::dropout; that header's functions would be weak symbols here
  for (std::size_t begin = 0; begin < DropoutWords::kBlocks; begin += kBlocksPerVector) {
    Bits block = {};
    for (std::size_t lane = 0; lane < kBlocksPerVector; ++lane) block[lane] = first_block + begin + lane;
    Bits c0 = block & kLow;
    Bits c1 = Bits{} + (args.step & kLow);
    Bits c2 = Bits{} + ((kStream | args.step >> 32U << 8U) & kLow);
    Bits c3 = ((block >> 32 << 16) | args.layer) & kLow;
    auto key0 = static_cast<std::uint32_t>(args.seed);
    auto key1 = static_cast<std::uint32_t>(args.seed >> 32U);
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
    const Bits even = c0 | c1 << 32;  // words 0 and 1 of each block, in memory order
    const Bits odd = c2 | c3 << 32;
    for (std::size_t lane = 0; lane < kBlocksPerVector; ++lane) {
      const std::uint64_t pair[2] = {even[lane], odd[lane]};
      __builtin_memcpy(words.word + 4 * (begin + lane), pair, sizeof(pair));
    }
  }
}

template <class T>
CHAINRULE_INLINE void dropout_mask_kernel(const DropoutArgs<T>& args) {
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
#pragma GCC unroll 16
      for (std::size_t i = 0; i < P; ++i) lane[i] = word[i] < args.keep_below ? args.scale : T{0};
    }
  }
}
