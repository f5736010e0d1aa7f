#include <algorithm>
#include <cmath>

#include "base/prefetch.h"
#include "plan/copy_columns.h"
#include "plan/execute.h"
#include "profile/span.h"

namespace chainrule::plan {
namespace {

using kernels::kPanelWidth;
using kernels::Panels;

// Masters of few rows take more panels instead.
constexpr std::size_t kTileArea = kTileRows * kTilePanels;
constexpr std::size_t kMostTilePanels = 8;

std::size_t tile_panels(std::size_t rows) {
  return std::clamp(kTileArea / std::max<std::size_t>(rows, 1), kTilePanels, kMostTilePanels);
}

template <class T>
struct Scratch {
  alignas(kCacheLine) T data[kTileArea * kPanelWidth<T>];
};

/// Where a tile lies in its parameter's matrices.
template <class T>
struct TileShape {
  std::size_t rows;
  std::size_t columns;
  std::size_t panels;

  TileShape(const Parameter<T>& parameter, const ParameterTile& tile)
      : rows(tile.rows.end - tile.rows.begin),
        columns(std::min(tile.panels.end * kPanelWidth<T>, parameter.master_columns()) - tile.panels.begin * kPanelWidth<T>),
        panels(tile.panels.end - tile.panels.begin) {}
};

template <class T>
Panels<T> part_of(PanelMatrix<T>& matrix, const ParameterTile& tile) {
  return matrix.panels().from_panel(tile.panels.begin).from_row(tile.rows.begin);
}

/// A tile's transpose, whose panels are rounded up once more: w panels of r rows become w P rows of r columns, which are less than
/// P (r w + w P) elements, where r w <= kTileArea.
template <class T>
struct TransposedScratch {
  alignas(kCacheLine) T data[(kTileArea + kMostTilePanels * kPanelWidth<T>)*kPanelWidth<T>];
};

/// What a tile's update reads and writes.
template <class T>
struct TileMemory : TileShape<T> {
  Panels<T> array[5];  // w, first, second, third, average; null where there is no such state
  Panels<T> mirror;    // null where no copy is kept
  const kernels::UpdateScalars<T>* scalars;

  TileMemory(Parameter<T>& parameter, Update<T>& update, const ParameterTile& tile, std::size_t number)
      : TileShape<T>(parameter, tile), scalars(&update.scalars_of(number)) {
    array[0] = part_of(parameter.master(), tile);
    if (!update.first.empty()) array[1] = part_of(update.first[number], tile);
    if (!update.second.empty()) array[2] = part_of(update.second[number], tile);
    if (!update.third.empty()) array[3] = part_of(update.third[number], tile);
    if (!update.average.empty()) array[4] = part_of(update.average[number], tile);
    if (!parameter.mirror().empty()) {
      mirror =
          parameter.mirror().panels().from_panel(tile.rows.begin / kPanelWidth<T>).from_row(tile.panels.begin * kPanelWidth<T>);
    }
  }
};

// Parameters of more than this many bytes are not in a core's own cache when their turn comes: the lines of the next tile are
// fetched while this one multiplies. (With state and copy, four times as much; estimated from the cache, not tuned: see
// docs/decisions.md.)
constexpr std::size_t kNearBytes = std::size_t{128} * 1024;

/// Asks for a share of the tile's lines in some arrays.
template <class T>
void fetch(const TileShape<T>& shape, std::span<const Panels<T>> arrays, int part, int parts) {
  const Range rows = share(shape.rows, part, parts);
  for (const Panels<T>& array : arrays) {
    if (array.data == nullptr) continue;
    for (std::size_t panel = 0; panel < shape.panels; ++panel) {
      const T* const lines = array.from_panel(panel).data;
      for (std::size_t row = rows.begin; row < rows.end; ++row) prefetch(lines + row * kPanelWidth<T>);
    }
  }
}

}  // namespace

template <class T>
std::vector<ParameterTile> make_tiles(const Program<T>& program, const Parameters<T>& parameters) {
  std::vector<ParameterTile> tiles;
  for (std::size_t task = 0; task < program.gradients.size(); ++task) {
    const Parameter<T>& parameter = parameters[program.gradients[task].parameter];
    const std::size_t width = tile_panels(parameter.master_rows());
    for (std::size_t panel = 0; panel < parameter.master_panels(); panel += width) {
      for (std::size_t row = 0; row < parameter.master_rows(); row += kTileRows) {
        tiles.push_back({task,
                         {row, std::min(row + kTileRows, parameter.master_rows())},
                         {panel, std::min(panel + width, parameter.master_panels())},
                         0,
                         tiles.size()});
      }
    }
  }
  return tiles;
}

/// Asks for a share of the lines of rows.
void fetch(const NextRows& next, std::size_t part, std::size_t parts) {
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

/// Takes tiles through gradient and update.
template <class T>
class TileRunner {
 public:
  TileRunner(const Program<T>& program, Parameters<T>& parameters, const BatchValues<T>& batch)
      : program_(program), parameters_(parameters), batch_(batch), workspace_(batch.workspace), rows_(batch.rows) {}

  /// Gradient and update at once. `next` is the tile that follows, or null.
  void run(Update<T>& update, const ParameterTile& tile, const ParameterTile* next) {
    const profile::Span span("parameter_gradient+update");
    const TileMemory<T> memory = memory_of(update, tile);
    const Penalty penalty = update.penalties.empty() ? Penalty{} : update.penalties[number_of(tile)];
    if (rows_ == 1 && has_product(tile) && !penalty.any()) {
      const auto& [w, first, second, third, average] = memory.array;
      const Panels<T> x = x_of(tile);
      const Panels<T> dz = dz_of(tile);
      update.outer({w,
                    first.data,
                    second.data,
                    third.data,
                    {x.data, x.stride},
                    {dz.data, dz.stride},
                    memory.rows,
                    memory.panels,
                    memory.scalars});
      finish(update, memory);
      return;
    }
    Panels<T> gradient;
    if (next == nullptr || !is_far(*next)) {
      gradient = gradient_of(tile, memory);
    } else {
      const TileMemory<T> ahead = memory_of(update, *next);
      gradient = gradient_of(tile, memory, [&](int part, int parts) { fetch<T>(ahead, ahead.array, part, parts); });
    }
    penalise(penalty, tile, memory, gradient);
    apply(update, memory, gradient);
  }

  /// Only the gradient, to memory.
  void store(Gradients<T>& gradients, GradientPass pass, const ParameterTile& tile, const ParameterTile* next) {
    const profile::Span span("parameter_gradient");
    const TileShape<T> shape(parameter_of(tile), tile);
    const Panels<T> sum = part_of(gradients.sums[number_of(tile)], tile);
    Panels<T> gradient;
    if (next == nullptr || !is_far(*next)) {
      gradient = gradient_of(tile, shape);
    } else {
      const TileShape<T> shape_ahead(parameter_of(*next), *next);
      const Panels<T> ahead[] = {part_of(gradients.sums[number_of(*next)], *next)};
      gradient = gradient_of(tile, shape, [&](int part, int parts) { fetch<T>(shape_ahead, ahead, part, parts); });
    }
    if (!pass.penalties.empty()) penalise(pass.penalties[number_of(tile)], tile, shape, gradient);
    const std::size_t size = shape.rows * kPanelWidth<T>;
    for (std::size_t panel = 0; panel < shape.panels; ++panel) {
      T* const to = sum.from_panel(panel).data;
      const T* const from = gradient.from_panel(panel).data;
      if (pass.replace) {
        std::copy_n(from, size, to);
      } else {
        program_.table->add({to, from, to, size});
      }
    }
    if (pass.measure) gradients.squares[tile.number] = squares(shape, sum);
  }

  /// Only the update, from `scale` times the gradient in memory.
  void update(Update<T>& update, Gradients<T>& gradients, T scale, const ParameterTile& tile) {
    const profile::Span span("update");
    const TileMemory<T> memory = memory_of(update, tile);
    const Panels<T> sum = part_of(gradients.sums[number_of(tile)], tile);
    const Panels<T> gradient = scratch(memory);
    const std::size_t size = memory.rows * kPanelWidth<T>;
    for (std::size_t panel = 0; panel < memory.panels; ++panel) {
      program_.table->scale({sum.from_panel(panel).data, gradient.from_panel(panel).data, size, scale});
    }
    apply(update, memory, gradient);
  }

 private:
  [[nodiscard]] const GradientTask& task_of(const ParameterTile& tile) const { return program_.gradients[tile.task]; }
  [[nodiscard]] std::size_t number_of(const ParameterTile& tile) const { return task_of(tile).parameter; }
  [[nodiscard]] Parameter<T>& parameter_of(const ParameterTile& tile) { return parameters_[number_of(tile)]; }
  [[nodiscard]] bool has_product(const ParameterTile& tile) const { return task_of(tile).kind == GradientTask::Kind::product; }
  [[nodiscard]] TileMemory<T> memory_of(Update<T>& update, const ParameterTile& tile) {
    return {parameter_of(tile), update, tile, number_of(tile)};
  }

  /// The rows of x that the tile's rows are made from, from the first of a panel.
  [[nodiscard]] Panels<T> x_of(const ParameterTile& tile) const {
    return panels_of(program_, task_of(tile).x, workspace_).from_panel(tile.rows.begin / kPanelWidth<T>);
  }
  [[nodiscard]] Panels<T> dz_of(const ParameterTile& tile) const {
    return panels_of(program_, task_of(tile).dz, workspace_).from_panel(tile.panels.begin);
  }
  /// Panels of the scratch lie one behind the other without padding, as a tile's rows of a parameter's panel do.
  [[nodiscard]] Panels<T> scratch(const TileShape<T>& shape) { return {scratch_.data, shape.rows * kPanelWidth<T>}; }

  [[nodiscard]] bool is_far(const ParameterTile& tile) {
    const Parameter<T>& parameter = parameter_of(tile);
    return parameter.master_rows() * parameter.master_columns() * sizeof(T) > kNearBytes;
  }

  /// Into the scratch.
  Panels<T> gradient_of(const ParameterTile& tile, const TileShape<T>& shape) {
    switch (task_of(tile).kind) {
      case GradientTask::Kind::product:
        multiply(tile, shape, 0, shape.rows);
        break;
      case GradientTask::Kind::sum: {
        const Panels<T> dz = dz_of(tile);
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
  Panels<T> gradient_of(const ParameterTile& tile, const TileShape<T>& shape, const Ahead& ahead) {
    if (!has_product(tile)) return gradient_of(tile, shape);
    const std::size_t parts = kernels::panel_count<T>(shape.rows);
    for (std::size_t part = 0; part < parts; ++part) {
      ahead(static_cast<int>(part), static_cast<int>(parts));
      multiply(tile, shape, part, std::min(kPanelWidth<T>, shape.rows - part * kPanelWidth<T>));
    }
    return scratch(shape);
  }
  /// `rows` rows of the tile's gradient, from those of x's panel number `panel` on.
  void multiply(const ParameterTile& tile, const TileShape<T>& shape, std::size_t panel, std::size_t rows) {
    const Panels<T> x = x_of(tile).from_panel(panel);
    const Panels<T> dz = dz_of(tile);
    program_.table->gemm_weight_gradient(
        {{x.data, x.stride}, {dz.data, dz.stride}, scratch(shape).from_row(panel * kPanelWidth<T>), rows_, rows, shape.panels});
  }

  /// The tile of the gradient of a weight that a sparse input is multiplied with.
  void multiply_sparse(const ParameterTile& tile, const TileShape<T>& shape, Panels<T> gradient) const {
    constexpr std::size_t P = kPanelWidth<T>;
    const GradientTask& task = task_of(tile);
    const kernels::SparseRows<T> x = batch_.sparse[task.input].view();
    const Panels<T> all = panels_of(program_, task.dz, workspace_);
    const auto multiply = [&](Panels<T> dz, Panels<T> g, std::size_t first, std::size_t rows, std::size_t panels) {
      program_.table->sparse_weight_gradient({x, {dz.data, dz.stride}, g, rows_, first, rows, panels, batch_.hints.data()});
    };
    if (!parameters_[task.parameter].transposed_is_master) {
      return multiply(all.from_panel(tile.panels.begin), gradient, tile.rows.begin, shape.rows, shape.panels);
    }
    // The tile's panels are the input's columns: the gradient is made as the weight lies, whole panels of it, and transposed.
    TransposedScratch<T> turned;
    const std::size_t inputs = shape.panels * P;
    const Panels<T> transposed{turned.data, inputs * P};
    multiply(all.from_panel(tile.rows.begin / P), transposed, tile.panels.begin * P, inputs, kernels::panel_count<T>(shape.rows));
    program_.table->transpose_panels({{transposed.data, transposed.stride}, gradient, inputs, shape.rows});
  }

  /// The tile of an embedding's gradient: to each row of the table what the batch's rows, in their order, have looked up there.
  void scatter(const ParameterTile& tile, const TileShape<T>& shape, Panels<T> gradient) const {
    constexpr std::size_t P = kPanelWidth<T>;
    const GradientTask& task = program_.gradients[tile.task];
    const Parameter<T>& table = parameters_[task.parameter];
    const Panels<T> number = panels_of(program_, task.x, workspace_);
    const Panels<T> dz = panels_of(program_, task.dz, workspace_);
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

  /// Adds a penalty's gradient.
  void penalise(const Penalty& penalty, const ParameterTile& tile, const TileShape<T>& shape, Panels<T> gradient) {
    if (!penalty.any()) return;
    const Panels<T> w = part_of(parameter_of(tile).master(), tile);
    for (std::size_t panel = 0; panel < shape.panels; ++panel) {
      program_.table->penalty_gradient({w.from_panel(panel).data, gradient.from_panel(panel).data, shape.rows * kPanelWidth<T>,
                                        static_cast<T>(penalty.l1), static_cast<T>(penalty.l2)});
    }
  }

  void apply(Update<T>& update, const TileMemory<T>& memory, Panels<T> gradient) {
    const auto& [w, first, second, third, average] = memory.array;
    const std::size_t size = memory.rows * kPanelWidth<T>;
    // Panels without a gap between them are updated at once.
    const std::size_t together = w.stride == size ? memory.panels : 1;
    for (std::size_t panel = 0; panel < memory.panels; panel += together) {
      const auto at = [&](Panels<T> array) { return array.data == nullptr ? nullptr : array.from_panel(panel).data; };
      update.kernel({at(w), at(first), at(second), at(third), at(gradient), together * size, memory.scalars});
    }
    finish(update, memory);
  }

  /// What follows from new parameters: their moving average, their transposed copy.
  void finish(const Update<T>& update, const TileMemory<T>& memory) {
    const Panels<T> w = memory.array[0];
    const Panels<T> average = memory.array[4];
    if (average.data != nullptr) {
      const std::size_t size = memory.rows * kPanelWidth<T>;
      for (std::size_t panel = 0; panel < memory.panels; ++panel) {
        const T* const from = w.from_panel(panel).data;
        program_.table->moving_average(
            {average.from_panel(panel).data, nullptr, nullptr, nullptr, from, size, &update.average_scalars});
      }
    }
    if (memory.mirror.data == nullptr) return;
    program_.table->transpose_panels({{w.data, w.stride}, memory.mirror, memory.rows, memory.columns});
  }

  /// The tile's elements without the padding: of each lane over panels and rows, then of the lanes in order.
  [[nodiscard]] double squares(const TileShape<T>& shape, Panels<T> sum) const {
    double total = 0;
    for (std::size_t panel = 0; panel < shape.panels; ++panel) {
      alignas(kCacheLine) double lanes[kPanelWidth<T>] = {};
      program_.table->square_sum({sum.from_panel(panel).data, shape.rows * kPanelWidth<T>, lanes});
      const std::size_t width = std::min(kPanelWidth<T>, shape.columns - panel * kPanelWidth<T>);
      for (std::size_t lane = 0; lane < width; ++lane) total += lanes[lane];
    }
    return total;
  }

  const Program<T>& program_;
  Parameters<T>& parameters_;
  BatchValues<T> batch_;
  T* workspace_;
  std::size_t rows_;
  Scratch<T> scratch_;
};

/// Calls visit(tile, next) for each tile and, or null, the one behind it, and meanwhile asks for the next rows.
template <class Visit>
void for_each_tile(std::span<const ParameterTile> tiles, const NextRows& next_rows, const Visit& visit) {
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    if (next_rows.rows != 0) fetch(next_rows, i, tiles.size());
    visit(tiles[i], i + 1 < tiles.size() ? &tiles[i + 1] : nullptr);
  }
}

template <class T>
double Gradients<T>::norm() const noexcept {
  double total = 0;
  for (const double square : squares) total += square;
  return std::sqrt(total);
}

template <class T>
void run_tiles(const Program<T>& program, Parameters<T>& parameters, Update<T>& update, const BatchValues<T>& batch,
               std::span<const ParameterTile> tiles, const NextRows& next_rows) {
  TileRunner<T> runner(program, parameters, batch);
  for_each_tile(tiles, next_rows, [&](const ParameterTile& tile, const ParameterTile* next) { runner.run(update, tile, next); });
}

template <class T>
void run_gradients(const Program<T>& program, Parameters<T>& parameters, Gradients<T>& gradients, GradientPass pass,
                   const BatchValues<T>& batch, std::span<const ParameterTile> tiles, const NextRows& next_rows) {
  TileRunner<T> runner(program, parameters, batch);
  for_each_tile(tiles, next_rows,
                [&](const ParameterTile& tile, const ParameterTile* next) { runner.store(gradients, pass, tile, next); });
}

template <class T>
void run_updates(const Program<T>& program, Parameters<T>& parameters, Update<T>& update, Gradients<T>& gradients, T scale,
                 std::span<const ParameterTile> tiles) {
  TileRunner<T> runner(program, parameters, {});
  for (const ParameterTile& tile : tiles) runner.update(update, gradients, scale, tile);
}

template <class T>
void SparseBatch<T>::reserve(std::size_t row_count, std::size_t entries) {
  if (rows.size() < row_count) rows = Buffer<typename kernels::SparseRows<T>::Entries>(row_count);
  if (columns.size() >= entries) return;
  columns = Buffer<std::int32_t>(entries);
  values = Buffer<T>(entries);
}

template <class T>
void update_running(const Program<T>& program, Parameters<T>& parameters, T* workspace, std::size_t rows) {
  for (const RunningStatistics& running : program.running) {
    const auto keep = static_cast<T>(1.0 - running.momentum);
    const auto take = static_cast<T>(running.momentum);
    const auto move = [&](std::size_t parameter, Slot slot, T factor) {
      Panels<T> value = parameters[parameter].value.panels();
      const Panels<T> batch = panels_of(program, slot, workspace);
      for (std::size_t j = 0; j < slot.columns; ++j) *value.at(0, j) = keep * *value.at(0, j) + take * (factor * *batch.at(0, j));
    };
    move(running.mean, running.batch_mean, T{1});
    if (rows > 1)
      move(running.variance, running.batch_variance, static_cast<T>(static_cast<double>(rows) / static_cast<double>(rows - 1)));
  }
}

#define CHAINRULE_INSTANTIATE(T)                                                                                                \
  template struct Gradients<T>;                                                                                                 \
  template struct SparseBatch<T>;                                                                                               \
  template std::vector<ParameterTile> make_tiles(const Program<T>&, const Parameters<T>&);                                      \
  template void run_tiles(const Program<T>&, Parameters<T>&, Update<T>&, const BatchValues<T>&, std::span<const ParameterTile>, \
                          const NextRows&);                                                                                     \
  template void run_gradients(const Program<T>&, Parameters<T>&, Gradients<T>&, GradientPass, const BatchValues<T>&,            \
                              std::span<const ParameterTile>, const NextRows&);                                                 \
  template void update_running(const Program<T>&, Parameters<T>&, T*, std::size_t);                                             \
  template void run_updates(const Program<T>&, Parameters<T>&, Update<T>&, Gradients<T>&, T, std::span<const ParameterTile>);
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule::plan
