// Runs a program's two phases on the calling thread's share: a block of rows, a range of tiles. Nothing here locks, and nothing but
// functions given in Python allocates.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "base/team.h"
#include "plan/penalty.h"
#include "plan/program.h"
#include "plan/schedule.h"
#include "profile/span.h"

namespace chainrule::plan {

enum class Metric : std::uint8_t { accuracy, top_k, mse, mae };

/// A metric of each row, computed beside the loss.
template <class T>
struct RowMetric {
  Metric metric = Metric::accuracy;
  T threshold = 0;
  std::size_t k = 0;   // of top_k
  T* value = nullptr;  // one for each row of the batch
};

/// Where the row phase keeps predictions and targets that are values, row-major; null where nobody asks for them.
template <class T>
struct KeptRows {
  T* prediction = nullptr;
  T* target = nullptr;
};

/// What belongs to one head. Arrays start at the batch's row 0 and hold one element for each row.
template <class T>
struct HeadRows {
  const std::int32_t* label = nullptr;
  const T* seed = nullptr;  // d (batch loss) / d (row's loss)
  T* loss = nullptr;
  std::span<const RowMetric<T>> metrics;
  KeptRows<T> kept;
};

/// The rows of a batch of a sparse input. Memory is made by `reserve`: `rows` rows of together up to `entries` entries.
template <class T>
struct SparseBatch {
  Buffer<typename kernels::SparseRows<T>::Entries> rows;
  Buffer<std::int32_t> columns;
  Buffer<T> values;

  void reserve(std::size_t row_count, std::size_t entries);
  [[nodiscard]] std::size_t capacity() const noexcept { return columns.size(); }
  /// From the batch's row `first` on.
  [[nodiscard]] kernels::SparseRows<T> view(std::size_t first = 0) const noexcept {
    return {rows.data() + first, columns.data(), values.data()};
  }
};

/// What the row phase of one batch works on.
template <class T>
struct RowContext {
  T* workspace = nullptr;
  std::span<const SparseBatch<T>> sparse;  // by input
  std::span<const HeadRows<T>> heads;
  std::uint64_t random_seed = 0;
  std::uint64_t random_step = 0;
  std::atomic<bool>* known = nullptr;  // becomes false where a number names no row of an embedding's table; such count as 0
};

template <class T>
[[nodiscard]] kernels::Panels<T> panels_of(const Program<T>& program, Slot slot, T* workspace) noexcept {
  return slot.columns == 0 ? kernels::Panels<T>{} : kernels::Panels<T>{workspace + slot.offset, program.stride};
}

/// Takes rows [rows.begin, rows.end) of the batch through steps [first, last).
template <class T>
void run_steps(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, Range rows,
               std::size_t first, std::size_t last);

/// Steps [first, last) in blocks of rows small enough for a core's own cache; none of them takes the whole batch.
template <class T>
void run_blocks(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, Range rows,
                std::size_t first, std::size_t last);

/// All steps, of a program of which no step takes the whole batch.
template <class T>
void run_rows(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, Range rows);

/// Waits at a barrier, which profiles show.
inline void wait_at(Barrier& barrier) noexcept {
  profile::spanned(
      profile::waiting, [] { return profile::Work{}; }, [&] { barrier.wait(); });
}

/// A member's place in a team, and where the team waits for each other.
struct Member {
  int thread;
  int threads;
  Barrier& barrier;
};

/// All steps, on this member's part of the batch's `rows` rows. To be called by every member.
template <class T>
void run_rows(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, std::size_t rows,
              const Member& member);

/// All steps on all rows of the batch, together with the other members of a team by columns: each takes its panels of a step's
/// output, or its rows, with a barrier where one reads what another wrote (ColumnWalk). To be called by every member.
template <class T>
void run_columns(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, std::size_t rows,
                 const Member& member);

/// The gradients of rows [0, rows) of the batch, each by itself, after the row phase: `out` has one row for each, all parameters
/// one after the other, each row-major. x_i^T dz_i for a matrix, dz_i for a vector, 0 for a parameter without a gradient here.
template <class T>
void write_row_gradients(const Program<T>& program, const Parameters<T>& parameters, T* workspace, std::size_t rows, T* out);

/// An optimizer's update and its state, one matrix of each kind for each parameter (empty where the update keeps none, and for a
/// parameter that was never trained).
template <class T>
struct Update {
  void (*kernel)(const kernels::UpdateArgs<T>&) = nullptr;
  void (*outer)(const kernels::OuterUpdateArgs<T>&) = nullptr;  // the same rule for batches of one row
  kernels::UpdateScalars<T> scalars = {};
  std::vector<kernels::UpdateScalars<T>> scalars_by_parameter;  // empty: `scalars` for all
  std::vector<PanelMatrix<T>> first;
  std::vector<PanelMatrix<T>> second;
  std::vector<Penalty> penalties;  // one for each parameter; empty where none has one
  std::vector<PanelMatrix<T>> third;
  std::vector<PanelMatrix<T>> average;  // moving averages of the parameters; none where empty
  kernels::UpdateScalars<T> average_scalars = {};

  [[nodiscard]] const kernels::UpdateScalars<T>& scalars_of(std::size_t parameter) const noexcept {
    return scalars_by_parameter.empty() ? scalars : scalars_by_parameter[parameter];
  }
  /// How many arrays the update reads and writes beside the parameter.
  [[nodiscard]] int arrays() const noexcept {
    return (first.empty() ? 0 : 1) + (second.empty() ? 0 : 1) + (third.empty() ? 0 : 1) + (average.empty() ? 0 : 1);
  }
};

/// Gradients in memory, for an update that needs more than one tile's of one batch: their sums over batches, one matrix for each
/// parameter (empty for one that was never trained), and the squares that their norm is made from.
template <class T>
struct Gradients {
  std::vector<PanelMatrix<T>> sums;
  std::vector<double> squares;  // of a tile's elements, by its number

  /// The Euclidean norm of all sums: squares are added in the order of the tiles.
  [[nodiscard]] double norm() const noexcept;
};

/// The tiles of all gradients.
template <class T>
[[nodiscard]] std::vector<ParameterTile> make_tiles(const Program<T>& program, const Parameters<T>& parameters);

/// A tile with all that its gradient and its update read and write, looked up before the first step. Panels of one matrix lie
/// `stride` elements apart, and those of the optimizer's state as those of the parameter.
template <class T>
struct BoundTile : ParameterTile {
  GradientTask::Kind kind = GradientTask::Kind::product;
  kernels::Panels<T> x, dz;    // of a product, and dz of a sum: from the tile's first row and panel; null for others
  std::array<T*, 5> memory{};  // parameter, first, second and third state, moving average; null where there is none
  std::size_t stride = 0;
  kernels::Panels<T> mirror;  // null where no transposed copy is kept
  const kernels::UpdateScalars<T>* scalars = nullptr;
  Penalty penalty;
};
/// The bound tiles replace what `bound` held. They are good until the plan, its workspace, a parameter's memory or the optimizer's
/// state is another.
template <class T>
void bind_tiles(const Program<T>& program, Parameters<T>& parameters, Update<T>& update, T* workspace,
                std::span<const ParameterTile> tiles, std::vector<BoundTile<T>>& bound);

/// Rows of a caller's array that the next row phase reads: `bytes` bytes each, row index[i] (i itself where index is null) at
/// `stride` times that. No rows: nothing is known of them.
struct NextRows {
  const char* data = nullptr;
  std::ptrdiff_t stride = 0;
  const std::int64_t* index = nullptr;
  std::size_t rows = 0;
  std::size_t bytes = 0;
};

/// What the row phase has left for the gradients: the batch's `rows` rows. `hints`: where there are sparse rows, one of the
/// thread's own for each row, whatever it holds.
template <class T>
struct BatchValues {
  T* workspace = nullptr;
  std::span<const SparseBatch<T>> sparse = {};  // by input
  std::span<std::size_t> hints = {};
  std::size_t rows = 0;
};

/// Computes the gradients of the tiles over the batch's rows and updates their parameters and transposed copies; meanwhile asks
/// memory for the next batch's rows.
template <class T>
void run_tiles(const Program<T>& program, const Parameters<T>& parameters, const Update<T>& update, const BatchValues<T>& batch,
               std::span<const BoundTile<T>> tiles, const NextRows& next_rows = {});

/// Moves running statistics towards those of a batch of `rows` rows: r = (1 - momentum) r + momentum s, where s is the mean, or the
/// unbiased variance, rows / (rows - 1) times the batch's. One row says nothing of a variance: that one stays.
template <class T>
void update_running(const Program<T>& program, Parameters<T>& parameters, T* workspace, std::size_t rows);

/// The work of run_tiles in two parts, with the gradients in memory between them. The first replaces the tiles' sums, or adds to
/// them, and with `measure` takes their squares.
struct GradientPass {
  bool replace = true;
  bool measure = false;
  bool penalties = false;  // whether their gradients are added
};
template <class T>
void run_gradients(const Program<T>& program, const Parameters<T>& parameters, Gradients<T>& gradients, GradientPass pass,
                   const BatchValues<T>& batch, std::span<const BoundTile<T>> tiles, const NextRows& next_rows = {});
/// The second updates from `scale` times the sums.
template <class T>
void run_updates(const Program<T>& program, const Parameters<T>& parameters, const Update<T>& update, Gradients<T>& gradients,
                 T scale, std::span<const BoundTile<T>> tiles);

}  // namespace chainrule::plan
