#include "plan/schedule.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <tuple>

namespace chainrule::plan {
namespace {

constexpr int kNotForced = -1;
std::atomic<int> g_forced{kNotForced};

/// Owners for consecutive tiles, by their work: a tile goes to the part in which its middle falls.
template <class Work>
void cut(std::span<ParameterTile> tiles, int parts, const Work& work) {
  std::size_t total = 0;
  for (const ParameterTile& tile : tiles) total += work(tile);
  std::size_t done = 0;
  int part = 0;
  for (ParameterTile& tile : tiles) {
    while (part + 1 < parts && done + work(tile) / 2 >= share(total, part, parts).end) ++part;
    tile.owner = part;
    done += work(tile);
  }
}

template <class T>
bool is_element_wise(const RowStep<T>& step) noexcept {
  return step.kind == StepKind::unary || step.kind == StepKind::unary_backward || step.kind == StepKind::binary ||
         step.kind == StepKind::scale_shift || step.kind == StepKind::standardize_columns ||
         (step.kind == StepKind::function && step.function->by_element());
}

}  // namespace

const char* name_of(Schedule schedule) noexcept { return schedule == Schedule::rows ? "rows" : "columns"; }

void override_schedule(std::optional<Schedule> schedule) noexcept {
  g_forced.store(schedule ? static_cast<int>(*schedule) : kNotForced, std::memory_order_relaxed);
}

std::optional<Schedule> forced_schedule() noexcept {
  const int forced = g_forced.load(std::memory_order_relaxed);
  return forced == kNotForced ? std::nullopt : std::optional(static_cast<Schedule>(forced));
}

template <class T>
std::size_t panels_to_share(const RowStep<T>& step) noexcept {
  const bool by_panels = is_element_wise(step) || takes_whole_batch(step.kind) || step.kind == StepKind::dense ||
                         step.kind == StepKind::sparse_dense || step.kind == StepKind::input_gradient;
  return by_panels ? kernels::panel_count<T>(step.out.columns) : 0;
}

template <class T>
bool rewrites(const std::vector<RowStep<T>>& steps, std::size_t i) noexcept {
  const Slot out = steps[i].out;
  return i > 0 && is_element_wise(steps[i]) && out.offset == steps[i].a.offset && out.offset == steps[i - 1].out.offset;
}

std::vector<Range> share_tiles(std::vector<ParameterTile>& tiles, std::size_t rows, int parts, Schedule schedule) {
  // Beside its products a row of a tile costs about as much as 16 rows of batch: state, update, transposed copy.
  constexpr std::size_t kUpdateRows = 16;
  const auto work = [&](const ParameterTile& tile) { return tile.row_count() * tile.panel_count() * (rows + kUpdateRows); };
  const auto place = [](const ParameterTile& tile) { return std::tuple(tile.task, tile.panels.begin, tile.rows.begin); };
  const auto sort_by = [&](const auto& key) {
    const auto less = [&](const ParameterTile& a, const ParameterTile& b) { return key(a) < key(b); };
    if (!std::is_sorted(tiles.begin(), tiles.end(), less)) std::sort(tiles.begin(), tiles.end(), less);
  };
  sort_by(place);
  if (schedule == Schedule::rows) {
    cut(tiles, parts, work);
  } else {
    std::vector<std::size_t> load(static_cast<std::size_t>(parts));
    for (std::size_t begin = 0, end = 0; begin < tiles.size(); begin = end) {
      while (end < tiles.size() && tiles[end].task == tiles[begin].task) ++end;
      const std::span<ParameterTile> task = std::span(tiles).subspan(begin, end - begin);
      if (task.size() >= load.size()) {
        cut(task, parts, work);
      } else {  // too few for all: whoever has least to do
        for (ParameterTile& tile : task) {
          tile.owner = static_cast<int>(std::min_element(load.begin(), load.end()) - load.begin());
          load[static_cast<std::size_t>(tile.owner)] += work(tile);
        }
        continue;
      }
      for (const ParameterTile& tile : task) load[static_cast<std::size_t>(tile.owner)] += work(tile);
    }
    sort_by([&](const ParameterTile& tile) { return std::tuple_cat(std::tuple(tile.owner), place(tile)); });
  }
  std::vector<Range> shares;
  std::size_t next = 0;
  for (int part = 0; part < parts; ++part) {
    const std::size_t begin = next;
    while (next < tiles.size() && tiles[next].owner == part) ++next;
    shares.push_back({begin, next});
  }
  return shares;
}

template std::size_t panels_to_share(const RowStep<float>&) noexcept;
template std::size_t panels_to_share(const RowStep<double>&) noexcept;
template bool rewrites(const std::vector<RowStep<float>>&, std::size_t) noexcept;
template bool rewrites(const std::vector<RowStep<double>>&, std::size_t) noexcept;

}  // namespace chainrule::plan
