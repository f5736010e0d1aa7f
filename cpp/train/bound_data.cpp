#include "train/bound_data.h"

#include <algorithm>

#include "train/shuffle.h"

namespace chainrule::train {
namespace {

// Data of up to this size stays in a core's own cache; of a next batch no more is asked for than leaves room for the work under
// way.
constexpr std::size_t kNearBytes = std::size_t{512} * 1024;
constexpr std::size_t kMostBytesAhead = std::size_t{512} * 1024;

}  // namespace

BoundData::BoundData(const Dataset& data, std::size_t batch_size, bool shuffle, const std::optional<Dataset>& validation)
    : data_(data),
      validation_(validation),
      batch_size_(std::min(batch_size, data.rows())),
      steps_((data.rows() + batch_size_ - 1) / batch_size_),
      most_entries_(train::most_entries(data.x, batch_size_)),
      order_(shuffle ? data.rows() : 0) {}

void BoundData::order_for(std::uint64_t seed, std::uint64_t epoch) {
  if (order_.empty() || ordered_ == epoch) return;
  shuffle_order(order_, seed, epoch);
  ordered_ = epoch;
}

Batch BoundData::batch(std::size_t step) const {
  const std::size_t first = step * batch_size_;
  return batch_of(data_, from(first), std::min(batch_size_, rows() - first));
}

plan::NextRows BoundData::rows_of(std::size_t step, int thread, int threads) const noexcept {
  if (data_.x.empty() || data_.x[0].sparse) return {};  // a single batch; rows of no fixed length
  const ArrayView& x = data_.x[0].array;
  const std::size_t element = kernels::size_of(x.type);
  const std::size_t bytes = x.columns * element;
  const std::size_t first = step * batch_size_;
  const bool consecutive = x.column_stride == static_cast<std::ptrdiff_t>(element);
  if (first >= x.rows || x.rows * bytes <= kNearBytes || !consecutive) return {};
  const Range mine = share(std::min(batch_size_, x.rows - first), thread, threads);
  const RowSource source = source_of(x, from(first + mine.begin));
  return {static_cast<const char*>(source.data), x.row_stride, source.index,
          std::min(mine.end - mine.begin, kMostBytesAhead / bytes), bytes};
}

}  // namespace chainrule::train
