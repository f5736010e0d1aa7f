// A caller's compressed sparse rows, read in place: checked once when they are given, and again entry by entry while a batch is
// gathered, so that arrays which change meanwhile are never believed.
#pragma once

#include <string>

#include "base/tensor.h"
#include "plan/execute.h"
#include "train/array_view.h"

namespace chainrule::train {

/// Row i has the entries [offsets[i], offsets[i + 1]) of indices (columns) and values. Offsets and indices are int32 or int64.
struct SparseView {
  ArrayView values;
  ArrayView indices;
  ArrayView offsets;  // one more than rows
  std::size_t columns = 0;
  [[nodiscard]] std::size_t rows() const noexcept { return offsets.rows == 0 ? 0 : offsets.rows - 1; }
};

/// Whether the indices of each row ascend; std::invalid_argument where offsets descend or leave the entries, or where an index is
/// no column.
[[nodiscard]] bool is_canonical(const SparseView& x, const std::string& operation, const std::string& name);
/// std::invalid_argument for that too.
void check_sparse(const SparseView& x, const std::string& operation, const std::string& name);
/// std::invalid_argument that names the first value of those rows which is not finite as a `dtype`.
void check_finite(const SparseView& x, DType dtype, Selection selection, Range rows, const std::string& operation,
                  const std::string& name);

/// The entries of rows [rows.begin, rows.end), of a selection or of all.
[[nodiscard]] std::size_t entries_of(const SparseView& x, Range rows, Selection selection = {});
/// The most that `rows` rows have, whichever they are.
[[nodiscard]] std::size_t most_entries(const SparseView& x, std::size_t rows);

/// Rows [rows.begin, rows.end) of the selection into the batch, whose entries begin with those of row 0: values cast to T and times
/// `scale`. False where one is not finite, or where the arrays are not what they were when they were checked.
template <class T>
[[nodiscard]] bool gather_sparse(const SparseView& x, double scale, Selection selection, Range rows, plan::SparseBatch<T>& batch);

}  // namespace chainrule::train
