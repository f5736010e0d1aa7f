// How a team shares out a training step. By rows: each thread takes its rows of the batch through all steps, and then its part of
// the gradients' tiles. By columns: each thread has its panels of every value, of the weights that make them and of these weights'
// gradients, so that it reads again what it has written itself.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/team.h"
#include "plan/program.h"

namespace chainrule::plan {

enum class Schedule : std::uint8_t { rows, columns };
[[nodiscard]] const char* name_of(Schedule schedule) noexcept;
/// The given one from now on, whatever the work; none takes it back. For tests.
void override_schedule(std::optional<Schedule> schedule) noexcept;
[[nodiscard]] std::optional<Schedule> forced_schedule() noexcept;

/// The panels of a step's output that threads can share; 0 where each needs whole rows.
template <class T>
[[nodiscard]] std::size_t panels_to_share(const RowStep<T>& step) noexcept;
/// Whether step i changes, element by element, what the step before it has written.
template <class T>
[[nodiscard]] bool rewrites(const std::vector<RowStep<T>>& steps, std::size_t i) noexcept;

/// A tile of gradient lives on the stack between its product and its update: 64 x 2 panels are 8 KiB of first-level cache, and
/// enough work (64 x 32 x batch fma in float) to hide what a tile costs beside. Products of fewer panels are bound by their
/// broadcasts.
inline constexpr std::size_t kTileRows = 64;
inline constexpr std::size_t kTilePanels = 2;

/// Walks through the steps of a team that works by columns.
class ColumnWalk {
 public:
  explicit ColumnWalk(int threads) : threads_(static_cast<std::size_t>(threads)) {}
  /// How the next step goes: whether by panels (else by rows: its panels are too few, or it needs whole rows), and whether a
  /// barrier comes first. None does between steps on the same rows, nor where a thread goes on with the panels that it has just
  /// written. A step that takes the `whole_batch` goes by panels however few they are.
  struct Step {
    bool by_panels;
    bool waits;
  };
  [[nodiscard]] Step next(std::size_t panels, bool rewrites, bool whole_batch = false) noexcept {
    const bool by_panels_now = whole_batch || by_panels(panels);
    const bool waits = by_panels_now ? whole_batch || !(was_by_panels_ && rewrites) : was_by_panels_;
    was_by_panels_ = by_panels_now;
    return {was_by_panels_, waits};
  }
  [[nodiscard]] bool by_panels(std::size_t panels) const noexcept { return panels >= kTilePanels * threads_; }

 private:
  std::size_t threads_;
  bool was_by_panels_ = false;  // the batch is gathered by rows
};

/// A part of one gradient task: some rows of the parameter's master by some panels.
struct ParameterTile {
  std::size_t task = 0;
  Range rows;
  Range panels;
  int owner = 0;              // the thread that takes it
  std::size_t number = 0;     // among all tiles, whoever takes it
  std::size_t parameter = 0;  // the task's
  std::size_t columns = 0;    // in its panels, without the padding
  bool far = false;           // its parameter does not stay in a core's own cache from one step to the next

  [[nodiscard]] std::size_t row_count() const noexcept { return rows.end - rows.begin; }
  [[nodiscard]] std::size_t panel_count() const noexcept { return panels.end - panels.begin; }
};

/// Shares the tiles out among `parts` threads, of nearly equal work for batches of `rows` rows: the tiles come out in the order of
/// their owners, whose ranges are returned. By rows, the tiles are cut once; by columns, those of each parameter are.
[[nodiscard]] std::vector<Range> share_tiles(std::vector<ParameterTile>& tiles, std::size_t rows, int parts, Schedule schedule);

}  // namespace chainrule::plan
