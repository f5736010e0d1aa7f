// The size of a tile, where it lies in a matrix, and how it is asked for ahead of its turn.
#pragma once

#include <algorithm>
#include <span>

#include "base/prefetch.h"
#include "plan/execute.h"

namespace chainrule::plan {

// Masters of few rows take more panels instead.
inline constexpr std::size_t kTileArea = kTileRows * kTilePanels;
inline constexpr std::size_t kMostTilePanels = 8;

inline std::size_t tile_panels(std::size_t rows) {
  return std::clamp(kTileArea / std::max<std::size_t>(rows, 1), kTilePanels, kMostTilePanels);
}

template <class T>
kernels::Panels<T> part_of(PanelMatrix<T>& matrix, const ParameterTile& tile) {
  return matrix.panels().from_panel(tile.panels.begin).from_row(tile.rows.begin);
}

/// Asks for a share of the tile's lines in some arrays.
template <class T>
void fetch(const BoundTile<T>& tile, std::span<T* const> arrays, int part, int parts) {
  const Range rows = share(tile.row_count(), part, parts);
  for (const T* const array : arrays) {
    if (array == nullptr) continue;
    for (std::size_t panel = 0; panel < tile.panel_count(); ++panel) {
      const T* const lines = array + panel * tile.stride;
      for (std::size_t row = rows.begin; row < rows.end; ++row) prefetch(lines + row * kernels::kPanelWidth<T>);
    }
  }
}

/// Asks for a share of the lines of rows.
inline void fetch(const NextRows& next, std::size_t part, std::size_t parts) {
  const std::size_t lines_of_row = (next.bytes + kCacheLine - 1) / kCacheLine;
  const std::size_t lines = next.rows * lines_of_row;
  const std::size_t end = lines * (part + 1) / parts;
  std::size_t line = lines * part / parts;
  std::size_t i = line / lines_of_row;
  std::size_t line_of_row = line % lines_of_row;
  for (; line < end; ++i, line_of_row = 0) {
    const auto row = next.index == nullptr ? static_cast<std::ptrdiff_t>(i) : static_cast<std::ptrdiff_t>(next.index[i]);
    const char* const data = next.data + row * next.stride;
    for (; line < end && line_of_row < lines_of_row; ++line, ++line_of_row) {
      prefetch(data + line_of_row * kCacheLine);
    }
  }
}

}  // namespace chainrule::plan
