#include <algorithm>

#include "plan/execute.h"
#include "profile/span.h"

namespace chainrule::plan {
namespace {

using kernels::kPanelWidth;
using kernels::Panels;

// A tile of gradient lives on the stack between its product and its update: 64 x 2 panels are 8 KiB of first-level cache, and
// enough work (64 x 32 x batch fma in float) to hide what a tile costs beside.
constexpr std::size_t kTileRows = 64;
constexpr std::size_t kTilePanels = 2;

template <class T>
struct Scratch {
  alignas(kCacheLine) T data[kTilePanels * kTileRows * kPanelWidth<T>];
};

// Panels of the scratch lie one behind the other without padding, as its rows of a parameter's panel do.
template <class T>
Panels<T> gradient_of(const Program<T>& program, const GradientTask& task, const ParameterTile& tile, T* workspace,
                      std::size_t rows, Scratch<T>& scratch) {
  const std::size_t count = tile.rows.end - tile.rows.begin;
  const std::size_t panels = tile.panels.end - tile.panels.begin;
  const Panels<T> dz = panels_of(program, task.dz, workspace).from_panel(tile.panels.begin);
  const Panels<T> gradient{scratch.data, count * kPanelWidth<T>};
  if (task.x.columns == 0) {
    program.table->column_sum({{dz.data, dz.stride}, gradient, rows, panels});
  } else {
    const Panels<T> x = panels_of(program, task.x, workspace).from_panel(tile.rows.begin / kPanelWidth<T>);
    program.table->gemm_weight_gradient({{x.data, x.stride}, {dz.data, dz.stride}, gradient, rows, count, panels});
  }
  return gradient;
}

template <class T>
T* state_at(std::vector<PanelMatrix<T>>& state, std::size_t parameter, std::size_t row, std::size_t panel) {
  return state.empty() ? nullptr : state[parameter].panels().from_panel(panel).from_row(row).data;
}

}  // namespace

template <class T>
std::vector<ParameterTile> make_tiles(const Program<T>& program, const Parameters<T>& parameters) {
  std::vector<ParameterTile> tiles;
  for (std::size_t task = 0; task < program.gradients.size(); ++task) {
    const Parameter<T>& parameter = parameters[program.gradients[task].parameter];
    for (std::size_t panel = 0; panel < parameter.panels(); panel += kTilePanels) {
      for (std::size_t row = 0; row < parameter.rows; row += kTileRows) {
        tiles.push_back(
            {task, {row, std::min(row + kTileRows, parameter.rows)}, {panel, std::min(panel + kTilePanels, parameter.panels())}});
      }
    }
  }
  return tiles;
}

std::vector<Range> share_tiles(const std::vector<ParameterTile>& tiles, std::size_t rows, int parts) {
  // Beside its products a row of a tile costs about as much as 16 rows of batch: state, update, transposed copy.
  constexpr std::size_t kUpdateRows = 16;
  const auto work = [&](const ParameterTile& tile) {
    return (tile.rows.end - tile.rows.begin) * (tile.panels.end - tile.panels.begin) * (rows + kUpdateRows);
  };
  std::size_t total = 0;
  for (const ParameterTile& tile : tiles) total += work(tile);
  std::vector<Range> shares;
  std::size_t next = 0;
  std::size_t done = 0;
  for (int part = 0; part < parts; ++part) {
    const std::size_t begin = next;
    const std::size_t goal = share(total, part, parts).end;
    // A tile goes to the part in which its middle falls.
    while (next < tiles.size() && (part + 1 == parts || done + work(tiles[next]) / 2 < goal)) done += work(tiles[next++]);
    shares.push_back({begin, next});
  }
  return shares;
}

template <class T>
void run_tiles(const Program<T>& program, Parameters<T>& parameters, Update<T>& update, T* workspace, std::size_t rows,
               std::span<const ParameterTile> tiles) {
  Scratch<T> scratch;
  for (const ParameterTile& tile : tiles) {
    const profile::Span span("parameter_gradient+update");
    const GradientTask& task = program.gradients[tile.task];
    Parameter<T>& parameter = parameters[task.parameter];
    const std::size_t row = tile.rows.begin;
    const std::size_t count = tile.rows.end - row;
    const Panels<T> gradient = gradient_of(program, task, tile, workspace, rows, scratch);
    for (std::size_t panel = tile.panels.begin; panel < tile.panels.end; ++panel) {
      update.kernel({parameter.value.panels().from_panel(panel).from_row(row).data,
                     state_at(update.first, task.parameter, row, panel), state_at(update.second, task.parameter, row, panel),
                     gradient.from_panel(panel - tile.panels.begin).data, count * kPanelWidth<T>, &update.scalars});
    }
    if (parameter.transposed.empty()) continue;
    const std::size_t column = tile.panels.begin * kPanelWidth<T>;
    const Panels<T> src = parameter.value.panels().from_panel(tile.panels.begin).from_row(row);
    const Panels<T> dst = parameter.transposed.panels().from_panel(row / kPanelWidth<T>).from_row(column);
    const std::size_t columns = std::min(tile.panels.end * kPanelWidth<T>, parameter.columns) - column;
    program.table->transpose_panels({{src.data, src.stride}, dst, count, columns});
  }
}

template std::vector<ParameterTile> make_tiles(const Program<float>&, const Parameters<float>&);
template std::vector<ParameterTile> make_tiles(const Program<double>&, const Parameters<double>&);
template void run_tiles(const Program<float>&, Parameters<float>&, Update<float>&, float*, std::size_t,
                        std::span<const ParameterTile>);
template void run_tiles(const Program<double>&, Parameters<double>&, Update<double>&, double*, std::size_t,
                        std::span<const ParameterTile>);

}  // namespace chainrule::plan
