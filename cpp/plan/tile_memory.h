// Where a tile of a parameter lies in memory, and how it is asked for ahead of its turn.
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

/// Where a tile lies in its parameter's matrices.
template <class T>
struct TileShape {
  std::size_t rows;
  std::size_t columns;
  std::size_t panels;

  TileShape(const Parameter<T>& parameter, const ParameterTile& tile)
      : rows(tile.rows.end - tile.rows.begin),
        columns(std::min(tile.panels.end * kernels::kPanelWidth<T>, parameter.master_columns()) -
                tile.panels.begin * kernels::kPanelWidth<T>),
        panels(tile.panels.end - tile.panels.begin) {}
};

template <class T>
kernels::Panels<T> part_of(PanelMatrix<T>& matrix, const ParameterTile& tile) {
  return matrix.panels().from_panel(tile.panels.begin).from_row(tile.rows.begin);
}

/// What a tile's update reads and writes.
template <class T>
struct TileMemory : TileShape<T> {
  kernels::Panels<T> array[5];  // w, first, second, third, average; null where there is no such state
  kernels::Panels<T> mirror;    // null where no copy is kept
  const kernels::UpdateScalars<T>* scalars;

  TileMemory(Parameter<T>& parameter, Update<T>& update, const ParameterTile& tile, std::size_t number)
      : TileShape<T>(parameter, tile), scalars(&update.scalars_of(number)) {
    array[0] = part_of(parameter.master(), tile);
    if (!update.first.empty()) array[1] = part_of(update.first[number], tile);
    if (!update.second.empty()) array[2] = part_of(update.second[number], tile);
    if (!update.third.empty()) array[3] = part_of(update.third[number], tile);
    if (!update.average.empty()) array[4] = part_of(update.average[number], tile);
    if (!parameter.mirror().empty()) {
      mirror = parameter.mirror()
                   .panels()
                   .from_panel(tile.rows.begin / kernels::kPanelWidth<T>)
                   .from_row(tile.panels.begin * kernels::kPanelWidth<T>);
    }
  }
};

/// Asks for a share of the tile's lines in some arrays.
template <class T>
void fetch(const TileShape<T>& shape, std::span<const kernels::Panels<T>> arrays, int part, int parts) {
  const Range rows = share(shape.rows, part, parts);
  for (const kernels::Panels<T>& array : arrays) {
    if (array.data == nullptr) continue;
    for (std::size_t panel = 0; panel < shape.panels; ++panel) {
      const T* const lines = array.from_panel(panel).data;
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
