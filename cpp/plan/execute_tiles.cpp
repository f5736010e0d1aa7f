#include <algorithm>
#include <cmath>

#include "plan/tile_gradient.h"

namespace chainrule::plan {
namespace {

using kernels::kPanelWidth;
using kernels::Panels;

// Parameters of more than this many bytes are not in a core's own cache when their turn comes: the lines of the next tile are
// fetched while this one multiplies. (With state and copy, four times as much; estimated from the cache, not tuned: see
// docs/decisions.md.)
constexpr std::size_t kNearBytes = std::size_t{128} * 1024;

}  // namespace

template <class T>
std::vector<ParameterTile> make_tiles(const Program<T>& program, const Parameters<T>& parameters) {
  std::vector<ParameterTile> tiles;
  for (std::size_t task = 0; task < program.gradients.size(); ++task) {
    const Parameter<T>& parameter = parameters[program.gradients[task].parameter];
    const std::size_t width = tile_panels(parameter.master_rows());
    for (std::size_t panel = 0; panel < parameter.master_panels(); panel += width) {
      for (std::size_t row = 0; row < parameter.master_rows(); row += kTileRows) {
        ParameterTile tile;
        tile.task = task;
        tile.rows = {row, std::min(row + kTileRows, parameter.master_rows())};
        tile.panels = {panel, std::min(panel + width, parameter.master_panels())};
        tile.number = tiles.size();
        tile.parameter = program.gradients[task].parameter;
        tile.columns = std::min(tile.panels.end * kPanelWidth<T>, parameter.master_columns()) - panel * kPanelWidth<T>;
        tile.far = parameter.rows * parameter.columns * sizeof(T) > kNearBytes;
        tiles.push_back(tile);
      }
    }
  }
  return tiles;
}

template <class T>
void bind_tiles(const Program<T>& program, Parameters<T>& parameters, Update<T>& update, T* workspace,
                std::span<const ParameterTile> tiles, std::vector<BoundTile<T>>& bound) {
  bound.clear();
  for (const ParameterTile& tile : tiles) {
    BoundTile<T>& to = bound.emplace_back();
    static_cast<ParameterTile&>(to) = tile;
    const GradientTask& task = program.gradients[tile.task];
    to.kind = task.kind;
    const bool product = task.kind == GradientTask::Kind::product;
    if (product) to.x = panels_of(program, task.x, workspace).from_panel(tile.rows.begin / kPanelWidth<T>);
    if (product || task.kind == GradientTask::Kind::sum) {
      to.dz = panels_of(program, task.dz, workspace).from_panel(tile.panels.begin);
    }
    Parameter<T>& parameter = parameters[tile.parameter];
    const auto state = [&](std::vector<PanelMatrix<T>>& of_all) {
      return of_all.empty() ? nullptr : part_of(of_all[tile.parameter], tile).data;
    };
    const Panels<T> w = part_of(parameter.master(), tile);
    to.memory = {w.data, state(update.first), state(update.second), state(update.third), state(update.average)};
    to.stride = w.stride;
    if (!parameter.mirror().empty()) {
      to.mirror =
          parameter.mirror().panels().from_panel(tile.rows.begin / kPanelWidth<T>).from_row(tile.panels.begin * kPanelWidth<T>);
    }
    to.scalars = &update.scalars_of(tile.parameter);
    if (!update.penalties.empty()) to.penalty = update.penalties[tile.parameter];
  }
}

/// Takes tiles through gradient and update.
template <class T>
class TileRunner {
 public:
  TileRunner(const Program<T>& program, const Parameters<T>& parameters, const BatchValues<T>& batch)
      : program_(program), gradient_(program, parameters, batch) {}

  /// What a tile takes: `gradients` gradients of it, and an update that reads and writes `arrays` arrays.
  [[nodiscard]] profile::Work work_of(const BoundTile<T>& tile, int gradients, int arrays) const {
    const auto area = static_cast<double>(tile.row_count() * tile.columns);
    const auto rows = static_cast<double>(gradient_.rows());
    const bool product = tile.kind == GradientTask::Kind::product;
    const double read = rows * static_cast<double>(tile.columns + (product ? tile.row_count() : 0));
    return {gradients * 2.0 * area * (product || tile.kind == GradientTask::Kind::sum ? rows : 1.0),
            (gradients * read + 2.0 * arrays * area) * sizeof(T)};
  }

  /// Gradient and update at once. `next` is the tile that follows, or null.
  void run(const Update<T>& update, const BoundTile<T>& tile, const BoundTile<T>* next) {
    if (gradient_.rows() == 1 && tile.kind == GradientTask::Kind::product && !tile.penalty.any()) {
      const auto [w, first, second, third, average] = tile.memory;
      update.outer({{w, tile.stride},
                    first,
                    second,
                    third,
                    {tile.x.data, tile.x.stride},
                    {tile.dz.data, tile.dz.stride},
                    tile.row_count(),
                    tile.panel_count(),
                    tile.scalars});
      finish(update, tile);
      return;
    }
    Panels<T> gradient;
    if (next == nullptr || !next->far) {
      gradient = gradient_.of(tile);
    } else {
      gradient = gradient_.of(tile, [&](int part, int parts) { fetch<T>(*next, next->memory, part, parts); });
    }
    penalise(tile, gradient);
    apply(update, tile, gradient);
  }

  /// Only the gradient, to memory.
  void store(Gradients<T>& gradients, GradientPass pass, const BoundTile<T>& tile, const BoundTile<T>* next) {
    const Panels<T> sum = part_of(gradients.sums[tile.parameter], tile);
    Panels<T> gradient;
    if (next == nullptr || !next->far) {
      gradient = gradient_.of(tile);
    } else {
      T* const ahead[] = {part_of(gradients.sums[next->parameter], *next).data};
      gradient = gradient_.of(tile, [&](int part, int parts) { fetch<T>(*next, ahead, part, parts); });
    }
    if (pass.penalties) penalise(tile, gradient);
    const std::size_t size = tile.row_count() * kPanelWidth<T>;
    for (std::size_t panel = 0; panel < tile.panel_count(); ++panel) {
      T* const to = sum.from_panel(panel).data;
      const T* const from = gradient.from_panel(panel).data;
      if (pass.replace) {
        std::copy_n(from, size, to);
      } else {
        program_.table->add({to, from, to, size});
      }
    }
    if (pass.measure) gradients.squares[tile.number] = squares(tile, sum);
  }

  /// Only the update, from `scale` times the gradient in memory.
  void update(const Update<T>& update, Gradients<T>& gradients, T scale, const BoundTile<T>& tile) {
    const Panels<T> sum = part_of(gradients.sums[tile.parameter], tile);
    const Panels<T> gradient = gradient_.scratch(tile);
    const std::size_t size = tile.row_count() * kPanelWidth<T>;
    for (std::size_t panel = 0; panel < tile.panel_count(); ++panel) {
      program_.table->scale({sum.from_panel(panel).data, gradient.from_panel(panel).data, size, scale});
    }
    apply(update, tile, gradient);
  }

 private:
  /// Adds a penalty's gradient.
  void penalise(const BoundTile<T>& tile, Panels<T> gradient) {
    const Penalty& penalty = tile.penalty;
    if (!penalty.any()) return;
    for (std::size_t panel = 0; panel < tile.panel_count(); ++panel) {
      program_.table->penalty_gradient({tile.memory[0] + panel * tile.stride, gradient.from_panel(panel).data,
                                        tile.row_count() * kPanelWidth<T>, static_cast<T>(penalty.l1), static_cast<T>(penalty.l2)});
    }
  }

  void apply(const Update<T>& update, const BoundTile<T>& tile, Panels<T> gradient) {
    const std::size_t size = tile.row_count() * kPanelWidth<T>;
    // Panels without a gap between them are updated at once.
    const std::size_t together = tile.stride == size ? tile.panel_count() : 1;
    auto [w, first, second, third, average] = tile.memory;
    for (std::size_t panel = 0; panel < tile.panel_count(); panel += together) {
      update.kernel({w, first, second, third, gradient.from_panel(panel).data, together * size, tile.scalars});
      w += tile.stride;
      for (T** const state : {&first, &second, &third}) {
        if (*state != nullptr) *state += tile.stride;
      }
    }
    finish(update, tile);
  }

  /// What follows from new parameters: their moving average, their transposed copy.
  void finish(const Update<T>& update, const BoundTile<T>& tile) {
    T* const w = tile.memory[0];
    if (T* const average = tile.memory[4]; average != nullptr) {
      const std::size_t size = tile.row_count() * kPanelWidth<T>;
      for (std::size_t panel = 0; panel < tile.panel_count(); ++panel) {
        const std::size_t at = panel * tile.stride;
        program_.table->moving_average({average + at, nullptr, nullptr, nullptr, w + at, size, &update.average_scalars});
      }
    }
    if (tile.mirror.data == nullptr) return;
    program_.table->transpose_panels({{w, tile.stride}, tile.mirror, tile.row_count(), tile.columns});
  }

  /// The tile's elements without the padding: of each lane over panels and rows, then of the lanes in order.
  [[nodiscard]] double squares(const ParameterTile& tile, Panels<T> sum) const {
    double total = 0;
    for (std::size_t panel = 0; panel < tile.panel_count(); ++panel) {
      alignas(kCacheLine) double lanes[kPanelWidth<T>] = {};
      program_.table->square_sum({sum.from_panel(panel).data, tile.row_count() * kPanelWidth<T>, lanes});
      const std::size_t width = std::min(kPanelWidth<T>, tile.columns - panel * kPanelWidth<T>);
      for (std::size_t lane = 0; lane < width; ++lane) total += lanes[lane];
    }
    return total;
  }

  const Program<T>& program_;
  TileGradient<T> gradient_;
};

/// Calls visit(tile, next) for some of the tiles and, or null, the one behind each, and meanwhile asks for the next rows.
template <class T, class Visit>
[[gnu::always_inline]] inline void visit_tiles(std::span<const BoundTile<T>> all, Range some, const NextRows& next_rows,
                                               const Visit& visit) {
  for (std::size_t i = some.begin; i < some.end; ++i) {
    if (next_rows.rows != 0) fetch(next_rows, i, all.size());
    visit(all[i], i + 1 < all.size() ? &all[i + 1] : nullptr);
  }
}

/// As for_each_tile. The tiles of each task are one span: one for each would cost what some of them take.
template <class T, class Work, class Visit>
[[gnu::noinline]] void profile_tiles(const Program<T>& program, profile::Label GradientTask::Labels::*label,
                                     std::span<const BoundTile<T>> tiles, const NextRows& next_rows, const Work& work_of,
                                     const Visit& visit) {
  for (Range some; some.begin < tiles.size(); some.begin = some.end) {
    const std::size_t task = tiles[some.begin].task;
    while (some.end < tiles.size() && tiles[some.end].task == task) ++some.end;
    const profile::Span span(program.gradients[task].labels.*label, [&] {
      profile::Work work;
      for (std::size_t i = some.begin; i < some.end; ++i) work += work_of(tiles[i]);
      return work;
    });
    visit_tiles(tiles, some, next_rows, visit);
  }
}

template <class T, class Work, class Visit>
[[gnu::always_inline]] inline void for_each_tile(const Program<T>& program, profile::Label GradientTask::Labels::*label,
                                                 std::span<const BoundTile<T>> tiles, const NextRows& next_rows,
                                                 const Work& work_of, const Visit& visit) {
  if (profile::listening()) [[unlikely]]
    return profile_tiles(program, label, tiles, next_rows, work_of, visit);
  visit_tiles(tiles, {0, tiles.size()}, next_rows, visit);
}

template <class T>
double Gradients<T>::norm() const noexcept {
  double total = 0;
  for (const double square : squares) total += square;
  return std::sqrt(total);
}

template <class T>
void run_tiles(const Program<T>& program, const Parameters<T>& parameters, const Update<T>& update, const BatchValues<T>& batch,
               std::span<const BoundTile<T>> tiles, const NextRows& next_rows) {
  TileRunner<T> runner(program, parameters, batch);
  const auto work_of = [&](const BoundTile<T>& tile) { return runner.work_of(tile, 1, 1 + update.arrays()); };
  for_each_tile<T>(program, &GradientTask::Labels::both, tiles, next_rows, work_of,
                   [&](const BoundTile<T>& tile, const BoundTile<T>* next) { runner.run(update, tile, next); });
}

template <class T>
void run_gradients(const Program<T>& program, const Parameters<T>& parameters, Gradients<T>& gradients, GradientPass pass,
                   const BatchValues<T>& batch, std::span<const BoundTile<T>> tiles, const NextRows& next_rows) {
  TileRunner<T> runner(program, parameters, batch);
  const auto work_of = [&](const BoundTile<T>& tile) { return runner.work_of(tile, 1, 1); };
  for_each_tile<T>(program, &GradientTask::Labels::gradient, tiles, next_rows, work_of,
                   [&](const BoundTile<T>& tile, const BoundTile<T>* next) { runner.store(gradients, pass, tile, next); });
}

template <class T>
void run_updates(const Program<T>& program, const Parameters<T>& parameters, const Update<T>& update, Gradients<T>& gradients,
                 T scale, std::span<const BoundTile<T>> tiles) {
  TileRunner<T> runner(program, parameters, {});
  const auto work_of = [&](const BoundTile<T>& tile) { return runner.work_of(tile, 0, 2 + update.arrays()); };
  for_each_tile<T>(program, &GradientTask::Labels::update, tiles, {}, work_of,
                   [&](const BoundTile<T>& tile, const BoundTile<T>*) { runner.update(update, gradients, scale, tile); });
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

#define CHAINRULE_INSTANTIATE(T)                                                                                           \
  template struct Gradients<T>;                                                                                            \
  template struct SparseBatch<T>;                                                                                          \
  template std::vector<ParameterTile> make_tiles(const Program<T>&, const Parameters<T>&);                                 \
  template void bind_tiles(const Program<T>&, Parameters<T>&, Update<T>&, T*, std::span<const ParameterTile>,              \
                           std::vector<BoundTile<T>>&);                                                                    \
  template void run_tiles(const Program<T>&, const Parameters<T>&, const Update<T>&, const BatchValues<T>&,                \
                          std::span<const BoundTile<T>>, const NextRows&);                                                 \
  template void run_gradients(const Program<T>&, const Parameters<T>&, Gradients<T>&, GradientPass, const BatchValues<T>&, \
                              std::span<const BoundTile<T>>, const NextRows&);                                             \
  template void update_running(const Program<T>&, Parameters<T>&, T*, std::size_t);                                        \
  template void run_updates(const Program<T>&, const Parameters<T>&, const Update<T>&, Gradients<T>&, T,                   \
                            std::span<const BoundTile<T>>);
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule::plan
