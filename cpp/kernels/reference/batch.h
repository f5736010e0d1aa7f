// Gathering and dropout masks, one number at a time. Part of reference.cpp, inside its anonymous namespace.

/// The caller's arrays may be misaligned.
template <class S>
S read(const char* address) {
  S element;
  std::memcpy(&element, address, sizeof(element));
  return element;
}

template <class T>
T element_of(Source type, const char* address) {
  switch (type) {
#define CHAINRULE_SOURCE(name, type) \
  case Source::name:                 \
    return static_cast<T>(read<type>(address));
#include "kernels/sources.inc"
#undef CHAINRULE_SOURCE
  }
  return 0;
}

template <class T>
void gather_rows(const GatherArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    const std::int64_t row = args.index != nullptr ? args.index[i] : static_cast<std::int64_t>(i);
    for (std::size_t j = 0; j < args.columns; ++j) {
      const char* address =
          static_cast<const char*>(args.source) + row * args.row_stride + static_cast<std::ptrdiff_t>(j) * args.column_stride;
      const T element = element_of<T>(args.type, address);
      *args.dst.at(i, j) = args.scale == 1 ? element : args.scale * element;
      *args.finite = *args.finite && std::isfinite(element);
    }
  }
  clear_padding(args.dst, args.rows, args.columns);
}

template <class T>
void dropout_mask(const DropoutArgs<T>& args) {
  for (std::size_t i = 0; i < args.rows; ++i) {
    for (std::size_t j = 0; j < args.columns; ++j) {
      const std::uint64_t element = std::uint64_t{args.first_row + i} * args.columns + j;
      const std::uint64_t block = element / 4;
      const PhiloxBlock counter = {
          static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(args.step),
          static_cast<std::uint32_t>(RandomStream::dropout) | static_cast<std::uint32_t>(args.step >> 32U << 8U),
          args.layer | static_cast<std::uint32_t>(block >> 32U << 16U)};
      *args.mask.at(i, j) = philox(counter, args.seed)[element % 4] < args.keep_below ? args.scale : 0;
    }
  }
}
