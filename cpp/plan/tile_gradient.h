// The gradient of one tile of a parameter, from what the row phase has left.
#pragma once

#include <algorithm>

#include "plan/copy_columns.h"
#include "plan/tile_memory.h"

namespace chainrule::plan {

/// A tile's gradient.
template <class T>
struct Scratch {
  alignas(kCacheLine) T data[kTileArea * kernels::kPanelWidth<T>];
};

/// A tile's transpose, whose panels are rounded up once more: w panels of r rows become w P rows of r columns, which are less than
/// P (r w + w P) elements, where r w <= kTileArea.
template <class T>
struct TransposedScratch {
  alignas(kCacheLine) T data[(kTileArea + kMostTilePanels * kernels::kPanelWidth<T>)*kernels::kPanelWidth<T>];
};

/// Computes gradients into a scratch of its own, where one stays until the next.
template <class T>
class TileGradient {
 public:
  TileGradient(const Program<T>& program, const Parameters<T>& parameters, const BatchValues<T>& batch)
      : program_(program), parameters_(parameters), batch_(batch) {}

  /// Of the batch.
  [[nodiscard]] std::size_t rows() const noexcept { return batch_.rows; }
  /// Panels of the scratch lie one behind the other without padding, as a tile's rows of a parameter's panel do.
  [[nodiscard]] kernels::Panels<T> scratch(const BoundTile<T>& tile) {
    return {scratch_.data, tile.row_count() * kernels::kPanelWidth<T>};
  }

  /// The tile's gradient, into the scratch.
  kernels::Panels<T> of(const BoundTile<T>& tile) {
    switch (tile.kind) {
      case GradientTask::Kind::product:
        multiply(tile, 0, tile.row_count());
        break;
      case GradientTask::Kind::sum:
        program_.table->column_sum({{tile.dz.data, tile.dz.stride}, scratch(tile), batch_.rows, tile.panel_count()});
        break;
      case GradientTask::Kind::embedding:
        scatter(tile, scratch(tile));
        break;
      case GradientTask::Kind::sparse:
        multiply_sparse(tile, scratch(tile));
        break;
    }
    return scratch(tile);
  }
  /// The same, a product in parts with `ahead` called before each.
  template <class Ahead>
  kernels::Panels<T> of(const BoundTile<T>& tile, const Ahead& ahead) {
    if (tile.kind != GradientTask::Kind::product) return of(tile);
    const std::size_t parts = kernels::panel_count<T>(tile.row_count());
    for (std::size_t part = 0; part < parts; ++part) {
      ahead(static_cast<int>(part), static_cast<int>(parts));
      multiply(tile, part, std::min(kernels::kPanelWidth<T>, tile.row_count() - part * kernels::kPanelWidth<T>));
    }
    return scratch(tile);
  }

 private:
  [[nodiscard]] const GradientTask& task_of(const BoundTile<T>& tile) const { return program_.gradients[tile.task]; }

  /// `rows` rows of the tile's gradient, from those of x's panel number `panel` on.
  void multiply(const BoundTile<T>& tile, std::size_t panel, std::size_t rows) {
    const kernels::Panels<T> x = tile.x.from_panel(panel);
    program_.table->gemm_weight_gradient({{x.data, x.stride},
                                          {tile.dz.data, tile.dz.stride},
                                          scratch(tile).from_row(panel * kernels::kPanelWidth<T>),
                                          batch_.rows,
                                          rows,
                                          tile.panel_count()});
  }

  /// The tile of the gradient of a weight that a sparse input is multiplied with.
  void multiply_sparse(const BoundTile<T>& tile, kernels::Panels<T> gradient) const {
    constexpr std::size_t P = kernels::kPanelWidth<T>;
    const GradientTask& task = task_of(tile);
    const kernels::SparseRows<T> x = batch_.sparse[task.input].view();
    const kernels::Panels<T> all = panels_of(program_, task.dz, batch_.workspace);
    const auto multiply = [&](kernels::Panels<T> dz, kernels::Panels<T> g, std::size_t first, std::size_t rows,
                              std::size_t panels) {
      program_.table->sparse_weight_gradient({x, {dz.data, dz.stride}, g, batch_.rows, first, rows, panels, batch_.hints.data()});
    };
    if (!parameters_[task.parameter].transposed_is_master) {
      return multiply(all.from_panel(tile.panels.begin), gradient, tile.rows.begin, tile.row_count(), tile.panel_count());
    }
    // The tile's panels are the input's columns: the gradient is made as the weight lies, whole panels of it, and transposed.
    TransposedScratch<T> turned;
    const std::size_t inputs = tile.panel_count() * P;
    const kernels::Panels<T> transposed{turned.data, inputs * P};
    multiply(all.from_panel(tile.rows.begin / P), transposed, tile.panels.begin * P, inputs,
             kernels::panel_count<T>(tile.row_count()));
    program_.table->transpose_panels({{transposed.data, transposed.stride}, gradient, inputs, tile.row_count()});
  }

  /// The tile of an embedding's gradient: to each row of the table what the batch's rows, in their order, have looked up there.
  void scatter(const BoundTile<T>& tile, kernels::Panels<T> gradient) const {
    constexpr std::size_t P = kernels::kPanelWidth<T>;
    const GradientTask& task = task_of(tile);
    const Parameter<T>& table = parameters_[task.parameter];
    const kernels::Panels<T> number = panels_of(program_, task.x, batch_.workspace);
    const kernels::Panels<T> dz = panels_of(program_, task.dz, batch_.workspace);
    const Range of_panels{tile.panels.begin * P, tile.panels.begin * P + tile.columns};
    const bool transposed = table.transposed_is_master;
    const Range rows = transposed ? of_panels : tile.rows;     // of the table
    const Range columns = transposed ? tile.rows : of_panels;  // likewise
    std::fill_n(gradient.data, tile.panel_count() * gradient.stride, T{0});
    for (std::size_t i = 0; i < batch_.rows; ++i) {
      for (std::size_t column = 0; column < task.x.columns; ++column) {
        const std::size_t row = row_named(*number.at(i, column), table.rows);
        if (row < rows.begin || row >= rows.end) continue;
        for (std::size_t j = columns.begin; j < columns.end; ++j) {
          const std::size_t at_row = row - rows.begin;
          const std::size_t at_column = j - columns.begin;
          T& to = transposed ? *gradient.at(at_column, at_row) : *gradient.at(at_row, at_column);
          to += *dz.at(i, column * table.columns + j);
        }
      }
    }
  }

  const Program<T>& program_;
  const Parameters<T>& parameters_;
  BatchValues<T> batch_;
  Scratch<T> scratch_;
};

}  // namespace chainrule::plan
