#include <algorithm>
#include <cmath>

#include "plan/tile_gradient.h"
#include "profile/span.h"

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

/// Takes tiles through gradient and update.
template <class T>
class TileRunner {
 public:
  TileRunner(const Program<T>& program, Parameters<T>& parameters, const BatchValues<T>& batch)
      : program_(program), parameters_(parameters), rows_(batch.rows), gradient_(program, parameters, batch) {}

  /// Gradient and update at once. `next` is the tile that follows, or null.
  void run(Update<T>& update, const ParameterTile& tile, const ParameterTile* next) {
    const profile::Span span("parameter_gradient+update");
    const TileMemory<T> memory = memory_of(update, tile);
    const Penalty penalty = update.penalties.empty() ? Penalty{} : update.penalties[number_of(tile)];
    if (rows_ == 1 && gradient_.has_product(tile) && !penalty.any()) {
      const auto& [w, first, second, third, average] = memory.array;
      const Panels<T> x = gradient_.x_of(tile);
      const Panels<T> dz = gradient_.dz_of(tile);
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
      gradient = gradient_.of(tile, memory);
    } else {
      const TileMemory<T> ahead = memory_of(update, *next);
      gradient = gradient_.of(tile, memory, [&](int part, int parts) { fetch<T>(ahead, ahead.array, part, parts); });
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
      gradient = gradient_.of(tile, shape);
    } else {
      const TileShape<T> shape_ahead(parameter_of(*next), *next);
      const Panels<T> ahead[] = {part_of(gradients.sums[number_of(*next)], *next)};
      gradient = gradient_.of(tile, shape, [&](int part, int parts) { fetch<T>(shape_ahead, ahead, part, parts); });
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
    const Panels<T> gradient = gradient_.scratch(memory);
    const std::size_t size = memory.rows * kPanelWidth<T>;
    for (std::size_t panel = 0; panel < memory.panels; ++panel) {
      program_.table->scale({sum.from_panel(panel).data, gradient.from_panel(panel).data, size, scale});
    }
    apply(update, memory, gradient);
  }

 private:
  [[nodiscard]] std::size_t number_of(const ParameterTile& tile) const { return program_.gradients[tile.task].parameter; }
  [[nodiscard]] Parameter<T>& parameter_of(const ParameterTile& tile) { return parameters_[number_of(tile)]; }
  [[nodiscard]] TileMemory<T> memory_of(Update<T>& update, const ParameterTile& tile) {
    return {parameter_of(tile), update, tile, number_of(tile)};
  }

  [[nodiscard]] bool is_far(const ParameterTile& tile) {
    const Parameter<T>& parameter = parameter_of(tile);
    return parameter.master_rows() * parameter.master_columns() * sizeof(T) > kNearBytes;
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
  std::size_t rows_;
  TileGradient<T> gradient_;
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
