#include <algorithm>

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

/// What a tile's update reads and writes.
template <class T>
struct TileMemory {
  Panels<T> array[3];  // w, first, second; null where there is no such state
  Panels<T> mirror;    // null where no copy is kept
  std::size_t rows;
  std::size_t columns;
  std::size_t panels;

  TileMemory(Parameter<T>& parameter, Update<T>& update, const ParameterTile& tile, std::size_t number)
      : rows(tile.rows.end - tile.rows.begin),
        columns(std::min(tile.panels.end * kPanelWidth<T>, parameter.master_columns()) - tile.panels.begin * kPanelWidth<T>),
        panels(tile.panels.end - tile.panels.begin) {
    const auto part = [&](PanelMatrix<T>& matrix) {
      return matrix.panels().from_panel(tile.panels.begin).from_row(tile.rows.begin);
    };
    array[0] = part(parameter.master());
    if (!update.first.empty()) array[1] = part(update.first[number]);
    if (!update.second.empty()) array[2] = part(update.second[number]);
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

/// Asks for a share of the tile's lines.
template <class T>
void fetch(const TileMemory<T>& memory, int part, int parts) {
  const Range rows = share(memory.rows, part, parts);
  for (const Panels<T>& array : memory.array) {
    if (array.data == nullptr) continue;
    for (std::size_t panel = 0; panel < memory.panels; ++panel) {
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
                         {panel, std::min(panel + width, parameter.master_panels())}});
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
  TileRunner(const Program<T>& program, Parameters<T>& parameters, Update<T>& update, T* workspace, std::size_t rows)
      : program_(program), parameters_(parameters), update_(update), workspace_(workspace), rows_(rows) {}

  /// `next` is the tile that follows, or null.
  void run(const ParameterTile& tile, const ParameterTile* next) {
    const profile::Span span("parameter_gradient+update");
    const GradientTask& task = program_.gradients[tile.task];
    const TileMemory<T> memory = memory_of(tile);
    const Panels<T> dz = panels_of(program_, task.dz, workspace_).from_panel(tile.panels.begin);
    // Panels of the scratch lie one behind the other without padding, as a tile's rows of a parameter's panel do.
    const Panels<T> gradient{scratch_.data, memory.rows * kPanelWidth<T>};
    if (task.kind == GradientTask::Kind::sum) {
      program_.table->column_sum({{dz.data, dz.stride}, gradient, rows_, memory.panels});
      penalise(task.parameter, memory, gradient);
      update(memory, gradient, update_.scalars_of(task.parameter));
    } else if (task.kind == GradientTask::Kind::embedding) {
      scatter(tile, memory, gradient);
      penalise(task.parameter, memory, gradient);
      update(memory, gradient, update_.scalars_of(task.parameter));
    } else if (rows_ == 1 && !penalty_of(task.parameter).any()) {
      const auto& [w, first, second] = memory.array;
      const Panels<T> x = x_of(tile);
      update_.outer({w,
                     first.data,
                     second.data,
                     {x.data, x.stride},
                     {dz.data, dz.stride},
                     memory.rows,
                     memory.panels,
                     &update_.scalars_of(task.parameter)});
    } else {
      multiply(tile, memory, dz, gradient, next);
      penalise(task.parameter, memory, gradient);
      update(memory, gradient, update_.scalars_of(task.parameter));
    }
    if (memory.mirror.data == nullptr) return;
    const Panels<T> w = memory.array[0];
    program_.table->transpose_panels({{w.data, w.stride}, memory.mirror, memory.rows, memory.columns});
  }

 private:
  [[nodiscard]] TileMemory<T> memory_of(const ParameterTile& tile) {
    const std::size_t number = program_.gradients[tile.task].parameter;
    return {parameters_[number], update_, tile, number};
  }

  /// The rows of x that the tile's rows are made from, from the first of a panel.
  [[nodiscard]] Panels<T> x_of(const ParameterTile& tile) const {
    return panels_of(program_, program_.gradients[tile.task].x, workspace_).from_panel(tile.rows.begin / kPanelWidth<T>);
  }

  [[nodiscard]] bool is_far(const ParameterTile& tile) const {
    const Parameter<T>& parameter = parameters_[program_.gradients[tile.task].parameter];
    return parameter.master_rows() * parameter.master_columns() * sizeof(T) > kNearBytes;
  }

  void multiply(const ParameterTile& tile, const TileMemory<T>& memory, Panels<T> dz, Panels<T> gradient,
                const ParameterTile* next) {
    const Panels<T> x =
        panels_of(program_, program_.gradients[tile.task].x, workspace_).from_panel(tile.rows.begin / kPanelWidth<T>);
    const auto product = [&](std::size_t panel, std::size_t rows) {
      const Panels<T> from = x.from_panel(panel);
      program_.table->gemm_weight_gradient(
          {{from.data, from.stride}, {dz.data, dz.stride}, gradient.from_row(panel * kPanelWidth<T>), rows_, rows, memory.panels});
    };
    if (next == nullptr || !is_far(*next)) return product(0, memory.rows);
    const TileMemory<T> ahead = memory_of(*next);
    const std::size_t parts = kernels::panel_count<T>(memory.rows);
    for (std::size_t part = 0; part < parts; ++part) {
      fetch(ahead, static_cast<int>(part), static_cast<int>(parts));
      product(part, std::min(kPanelWidth<T>, memory.rows - part * kPanelWidth<T>));
    }
  }

  /// The tile of an embedding's gradient: to each row of the table what the batch's rows, in their order, have looked up there.
  void scatter(const ParameterTile& tile, const TileMemory<T>& memory, Panels<T> gradient) const {
    constexpr std::size_t P = kPanelWidth<T>;
    const GradientTask& task = program_.gradients[tile.task];
    const Parameter<T>& table = parameters_[task.parameter];
    const Panels<T> number = panels_of(program_, task.x, workspace_);
    const Panels<T> dz = panels_of(program_, task.dz, workspace_);
    const Range of_panels{tile.panels.begin * P, tile.panels.begin * P + memory.columns};
    const bool transposed = table.transposed_is_master;
    const Range rows = transposed ? of_panels : tile.rows;     // of the table
    const Range columns = transposed ? tile.rows : of_panels;  // likewise
    std::fill_n(gradient.data, memory.panels * gradient.stride, T{0});
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

  [[nodiscard]] Penalty penalty_of(std::size_t parameter) const noexcept {
    return update_.penalties.empty() ? Penalty{} : update_.penalties[parameter];
  }

  /// Adds the penalty's gradient.
  void penalise(std::size_t parameter, const TileMemory<T>& memory, Panels<T> gradient) {
    const Penalty penalty = penalty_of(parameter);
    if (!penalty.any()) return;
    for (std::size_t panel = 0; panel < memory.panels; ++panel) {
      program_.table->penalty_gradient({memory.array[0].from_panel(panel).data, gradient.from_panel(panel).data,
                                        memory.rows * kPanelWidth<T>, static_cast<T>(penalty.l1), static_cast<T>(penalty.l2)});
    }
  }

  void update(const TileMemory<T>& memory, Panels<T> gradient, const kernels::UpdateScalars<T>& scalars) {
    const auto& [w, first, second] = memory.array;
    const std::size_t size = memory.rows * kPanelWidth<T>;
    // Panels without a gap between them are updated at once.
    const std::size_t together = w.stride == size ? memory.panels : 1;
    for (std::size_t panel = 0; panel < memory.panels; panel += together) {
      const auto at = [&](Panels<T> array) { return array.data == nullptr ? nullptr : array.from_panel(panel).data; };
      update_.kernel({at(w), at(first), at(second), at(gradient), together * size, &scalars});
    }
  }

  const Program<T>& program_;
  Parameters<T>& parameters_;
  Update<T>& update_;
  T* workspace_;
  std::size_t rows_;
  Scratch<T> scratch_;
};

template <class T>
void run_tiles(const Program<T>& program, Parameters<T>& parameters, Update<T>& update, T* workspace, std::size_t rows,
               std::span<const ParameterTile> tiles, const NextRows& next_rows) {
  TileRunner<T> runner(program, parameters, update, workspace, rows);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    if (next_rows.rows != 0) fetch(next_rows, i, tiles.size());
    runner.run(tiles[i], i + 1 < tiles.size() ? &tiles[i + 1] : nullptr);
  }
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
    if (rows > 1) move(running.variance, running.batch_variance, static_cast<T>(static_cast<double>(rows) / static_cast<double>(rows - 1)));
  }
}

template void update_running(const Program<float>&, Parameters<float>&, float*, std::size_t);
template void update_running(const Program<double>&, Parameters<double>&, double*, std::size_t);
template std::vector<ParameterTile> make_tiles(const Program<float>&, const Parameters<float>&);
template std::vector<ParameterTile> make_tiles(const Program<double>&, const Parameters<double>&);
template void run_tiles(const Program<float>&, Parameters<float>&, Update<float>&, float*, std::size_t,
                        std::span<const ParameterTile>, const NextRows&);
template void run_tiles(const Program<double>&, Parameters<double>&, Update<double>&, double*, std::size_t,
                        std::span<const ParameterTile>, const NextRows&);

}  // namespace chainrule::plan
