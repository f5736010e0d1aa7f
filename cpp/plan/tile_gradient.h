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
      : program_(program), parameters_(parameters), batch_(batch), workspace_(batch.workspace), rows_(batch.rows) {}

  [[nodiscard]] bool has_product(const ParameterTile& tile) const { return task_of(tile).kind == GradientTask::Kind::product; }

  /// The rows of x that the tile's rows are made from, from the first of a panel.
  [[nodiscard]] kernels::Panels<T> x_of(const ParameterTile& tile) const {
    return panels_of(program_, task_of(tile).x, workspace_).from_panel(tile.rows.begin / kernels::kPanelWidth<T>);
  }
  [[nodiscard]] kernels::Panels<T> dz_of(const ParameterTile& tile) const {
    return panels_of(program_, task_of(tile).dz, workspace_).from_panel(tile.panels.begin);
  }
  /// Panels of the scratch lie one behind the other without padding, as a tile's rows of a parameter's panel do.
  [[nodiscard]] kernels::Panels<T> scratch(const TileShape<T>& shape) {
    return {scratch_.data, shape.rows * kernels::kPanelWidth<T>};
  }

  /// The tile's gradient, into the scratch.
  kernels::Panels<T> of(const ParameterTile& tile, const TileShape<T>& shape) {
    switch (task_of(tile).kind) {
      case GradientTask::Kind::product:
        multiply(tile, shape, 0, shape.rows);
        break;
      case GradientTask::Kind::sum: {
        const kernels::Panels<T> dz = dz_of(tile);
        program_.table->column_sum({{dz.data, dz.stride}, scratch(shape), rows_, shape.panels});
        break;
      }
      case GradientTask::Kind::embedding:
        scatter(tile, shape, scratch(shape));
        break;
      case GradientTask::Kind::sparse:
        multiply_sparse(tile, shape, scratch(shape));
        break;
    }
    return scratch(shape);
  }
  /// The same, a product in parts with `ahead` called before each.
  template <class Ahead>
  kernels::Panels<T> of(const ParameterTile& tile, const TileShape<T>& shape, const Ahead& ahead) {
    if (!has_product(tile)) return of(tile, shape);
    const std::size_t parts = kernels::panel_count<T>(shape.rows);
    for (std::size_t part = 0; part < parts; ++part) {
      ahead(static_cast<int>(part), static_cast<int>(parts));
      multiply(tile, shape, part, std::min(kernels::kPanelWidth<T>, shape.rows - part * kernels::kPanelWidth<T>));
    }
    return scratch(shape);
  }

 private:
  [[nodiscard]] const GradientTask& task_of(const ParameterTile& tile) const { return program_.gradients[tile.task]; }

  /// `rows` rows of the tile's gradient, from those of x's panel number `panel` on.
  void multiply(const ParameterTile& tile, const TileShape<T>& shape, std::size_t panel, std::size_t rows) {
    const kernels::Panels<T> x = x_of(tile).from_panel(panel);
    const kernels::Panels<T> dz = dz_of(tile);
    program_.table->gemm_weight_gradient({{x.data, x.stride},
                                          {dz.data, dz.stride},
                                          scratch(shape).from_row(panel * kernels::kPanelWidth<T>),
                                          rows_,
                                          rows,
                                          shape.panels});
  }

  /// The tile of the gradient of a weight that a sparse input is multiplied with.
  void multiply_sparse(const ParameterTile& tile, const TileShape<T>& shape, kernels::Panels<T> gradient) const {
    constexpr std::size_t P = kernels::kPanelWidth<T>;
    const GradientTask& task = task_of(tile);
    const kernels::SparseRows<T> x = batch_.sparse[task.input].view();
    const kernels::Panels<T> all = panels_of(program_, task.dz, workspace_);
    const auto multiply = [&](kernels::Panels<T> dz, kernels::Panels<T> g, std::size_t first, std::size_t rows,
                              std::size_t panels) {
      program_.table->sparse_weight_gradient({x, {dz.data, dz.stride}, g, rows_, first, rows, panels, batch_.hints.data()});
    };
    if (!parameters_[task.parameter].transposed_is_master) {
      return multiply(all.from_panel(tile.panels.begin), gradient, tile.rows.begin, shape.rows, shape.panels);
    }
    // The tile's panels are the input's columns: the gradient is made as the weight lies, whole panels of it, and transposed.
    TransposedScratch<T> turned;
    const std::size_t inputs = shape.panels * P;
    const kernels::Panels<T> transposed{turned.data, inputs * P};
    multiply(all.from_panel(tile.rows.begin / P), transposed, tile.panels.begin * P, inputs, kernels::panel_count<T>(shape.rows));
    program_.table->transpose_panels({{transposed.data, transposed.stride}, gradient, inputs, shape.rows});
  }

  /// The tile of an embedding's gradient: to each row of the table what the batch's rows, in their order, have looked up there.
  void scatter(const ParameterTile& tile, const TileShape<T>& shape, kernels::Panels<T> gradient) const {
    constexpr std::size_t P = kernels::kPanelWidth<T>;
    const GradientTask& task = task_of(tile);
    const Parameter<T>& table = parameters_[task.parameter];
    const kernels::Panels<T> number = panels_of(program_, task.x, workspace_);
    const kernels::Panels<T> dz = panels_of(program_, task.dz, workspace_);
    const Range of_panels{tile.panels.begin * P, tile.panels.begin * P + shape.columns};
    const bool transposed = table.transposed_is_master;
    const Range rows = transposed ? of_panels : tile.rows;     // of the table
    const Range columns = transposed ? tile.rows : of_panels;  // likewise
    std::fill_n(gradient.data, shape.panels * gradient.stride, T{0});
    for (std::size_t i = 0; i < rows_; ++i) {
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
  T* workspace_;
  std::size_t rows_;
  Scratch<T> scratch_;
};

}  // namespace chainrule::plan
