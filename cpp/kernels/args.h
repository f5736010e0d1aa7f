// What kernels take: raw pointers and sizes, one argument struct per kind of kernel, and the panel layout they share.
//
// Panels. A matrix of m rows and n columns is stored as ceil(n / P) panels of P = 64 bytes / sizeof(T) columns: one row of a panel
// is one cache line, and element (i, j) lies at data[(j / P) * stride + i * P + j % P]. Activations, deltas, weights, transposed
// weights and optimizer state all live this way, so that both operands of every product are read in long consecutive runs.
// `stride` is the distance between panels in elements; an odd number of cache lines keeps panels out of each other's cache sets.
// Padding columns hold anything finite or not; no kernel lets a padding lane reach a real one.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chainrule::kernels {

template <class T>
inline constexpr std::size_t kPanelWidth = 64 / sizeof(T);

template <class T>
constexpr std::size_t panel_count(std::size_t columns) noexcept {
  return (columns + kPanelWidth<T> - 1) / kPanelWidth<T>;
}

/// The elements from one panel to the next for `rows` rows: an odd number of cache lines and, of many rows, not one beyond whole
/// pages, so that panels do not all lie at the same places of their pages. Batch 1, 1024 x 2, 1536 x 2 and 2048 x 2 take
/// 0.8 to 0.9 of the time that they took one line beyond (Adam, Zen 5, AVX-512, 2026-11); larger batches as long as before.
template <class T>
constexpr std::size_t panel_stride(std::size_t rows) noexcept {
  constexpr std::size_t kPageLines = 64;
  constexpr std::size_t kManyLines = 256;
  const std::size_t lines = rows | 1U;
  const bool in_step = lines >= kManyLines && lines % kPageLines == 1;
  return (in_step ? lines + 8 : lines) * kPanelWidth<T>;
}

/// A matrix in panels; `data` may point at any row, so that a block of rows is a Panels too.
template <class T>
struct Panels {
  T* data = nullptr;
  std::size_t stride = 0;

  [[nodiscard]] constexpr Panels from_row(std::size_t row) const noexcept { return {data + row * kPanelWidth<T>, stride}; }
  [[nodiscard]] constexpr Panels from_panel(std::size_t panel) const noexcept { return {data + panel * stride, stride}; }
  [[nodiscard]] constexpr T* at(std::size_t row, std::size_t column) const noexcept {
    return data + column / kPanelWidth<T> * stride + row * kPanelWidth<T> + column % kPanelWidth<T>;
  }
};

/// Activations that work element by element, in the order of activations.inc.
enum class Activation : std::uint8_t {
#define CHAINRULE_ACTIVATION(name, saved, alpha) name,
#include "kernels/activations.inc"
#undef CHAINRULE_ACTIVATION
};

/// y = f(x) for n consecutive elements. y may be x. alpha: the slope or scale where the function has one.
template <class T>
struct UnaryArgs {
  const T* x;
  T* y;
  std::size_t n;
  T alpha;
};

/// gx = g * f'(x) for n consecutive elements; `saved` is x or y = f(x), as activations.inc says. gx may be g or saved.
template <class T>
struct UnaryBackwardArgs {
  const T* g;
  const T* saved;
  T* gx;
  std::size_t n;
  T alpha;
};

/// y = a (op) b for n consecutive elements. y may be a or b. `alpha` is the operation's parameter.
template <class T>
struct BinaryArgs {
  const T* a;
  const T* b;
  T* y;
  std::size_t n;
  T alpha = 0;
};

enum class Epilogue : std::uint8_t { none, relu, relu_backward };

/// c = a b for `rows` rows and `panels` panels of c: a is (rows, depth), b is (depth, panels). Pointers are at the block's first
/// row and panel. Each element is one chain of fma over depth in ascending order from +0; then `bias` (one row of panels, or null
/// data) is added; then the epilogue: relu is relu(c), relu_backward is c where `saved` > 0 and else 0. c may not overlap a, b or
/// bias; saved may be c.
template <class T>
struct GemmArgs {
  Panels<const T> a;
  Panels<const T> b;
  Panels<T> c;
  Panels<const T> bias;
  Panels<const T> saved;
  std::size_t rows;
  std::size_t depth;
  std::size_t panels;
  Epilogue epilogue;
};

/// g = x^T dz for `rows` rows of g (as many columns of x, from the first of a panel) and `panels` panels, over `batch` rows of x
/// and dz: each element is one chain of fma over the batch in ascending order from +0. Pointers are at the block's start; g
/// overlaps nothing.
template <class T>
struct WeightGradientArgs {
  Panels<const T> x;
  Panels<const T> dz;
  Panels<T> g;
  std::size_t batch;
  std::size_t rows;
  std::size_t panels;
};

/// Rows of a sparse matrix: row i has the entries [rows[i].begin, rows[i].end) of `columns` and `values`, each column once and in
/// ascending order; all other elements are +0.
template <class T>
struct SparseRows {
  struct Entries {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  const Entries* rows = nullptr;
  const std::int32_t* columns = nullptr;
  const T* values = nullptr;
  /// Entries of the first rows, which lie one behind the other.
  [[nodiscard]] std::size_t entries(std::size_t count) const noexcept {
    return count == 0 ? 0 : rows[count - 1].end - rows[0].begin;
  }
};

/// c = a b (+ bias)(epilogue) with a sparse a, the rest as in GemmArgs, whose `a`, `depth` and `saved` are not looked at: each
/// element is one chain of fma over the row's entries from +0. The bits are those of the dense product, whose other terms are
/// fma(0, b, c) = c for every finite b (but for a c that has become -0 by underflow).
template <class T>
struct SparseForwardArgs {
  SparseRows<T> a;
  GemmArgs<T> product;
};

/// g = x^T dz with a sparse x for the columns [first, first + rows) of x and `panels` panels, over `batch` rows: each element is
/// one chain of fma over the entries in its column, in the order of the batch's rows, from +0. g overlaps nothing. `hint` may be
/// null; else hint[i] is where row i's entries in these columns may begin, any number at all, and then where those that follow do:
/// a search that fails is only slower.
template <class T>
struct SparseWeightGradientArgs {
  SparseRows<T> x;
  Panels<const T> dz;
  Panels<T> g;
  std::size_t batch;
  std::size_t first;
  std::size_t rows;
  std::size_t panels;
  std::size_t* hint;
};

/// sum[j] = x[0, j] + x[1, j] + ... in row order from +0, for `panels` panels; `sum` is one row of panels.
template <class T>
struct ColumnSumArgs {
  Panels<const T> x;
  Panels<T> sum;
  std::size_t rows;
  std::size_t panels;
};

/// dst = src^T for a block of `rows` rows and `columns` columns of src, each from the first of a panel. Pointers are at the block's
/// start in src and in dst; nothing else of dst is written, and they do not overlap.
template <class T>
struct TransposeArgs {
  Panels<const T> src;
  Panels<T> dst;
  std::size_t rows;
  std::size_t columns;
};

/// y = f(row of x) for `rows` rows of `columns` columns (softmax, log_softmax, standardize). y may be x. alpha: standardize's
/// epsilon.
template <class T>
struct RowArgs {
  Panels<const T> x;
  Panels<T> y;
  std::size_t rows;
  std::size_t columns;
  T alpha = 0;
};

/// gx from the cotangent g and what was saved, row by row: y = f(x) of softmax and log_softmax, x of standardize. gx may be g.
template <class T>
struct RowBackwardArgs {
  Panels<const T> g;
  Panels<const T> saved;
  Panels<T> gx;
  std::size_t rows;
  std::size_t columns;
  T alpha = 0;
};

/// y[i, j] from x[i, j], a[j] and b[j] for `rows` rows and `panels` panels; a and b are one row of panels. y may be x. scale_shift:
/// x a + b, where either of a and b may be null; standardize_columns: (x - a) / sqrt(b + alpha), where a may be null, which is 0.
template <class T>
struct ColumnArgs {
  Panels<const T> x;
  Panels<const T> a;
  Panels<const T> b;
  Panels<T> y;
  std::size_t rows;
  std::size_t panels;
  T alpha = 0;
};

/// y = (x - mean) / sqrt(variance + alpha) with each column's mean and variance over the `rows` rows, one at least, for `panels`
/// panels; mean and variance are written too, one row of panels each. y may be x.
template <class T>
struct StandardizeBatchArgs {
  Panels<const T> x;
  Panels<T> y;
  Panels<T> mean;
  Panels<T> variance;
  std::size_t rows;
  std::size_t panels;
  T alpha;
};

/// Its gradient gx from the cotangent g, and from x, mean and variance as they were. gx may be g.
template <class T>
struct StandardizeBatchBackwardArgs {
  Panels<const T> g;
  Panels<const T> x;
  Panels<const T> mean;
  Panels<const T> variance;
  Panels<T> gx;
  std::size_t rows;
  std::size_t panels;
  T alpha;
};

/// A loss, row by row: loss[i] = l(prediction row i, target row i), and gradient row i = seed[i] * dl/dprediction.
/// Either output may be null (gradient.data, loss). `target` holds values; `label` class indices in [0, columns); a loss uses the
/// one that is not null. gradient may be prediction. alpha: Huber's delta, the quantile, or label
/// smoothing.
template <class T>
struct LossArgs {
  Panels<const T> prediction;
  Panels<const T> target;
  const std::int32_t* label;
  const T* seed;
  T* loss;
  Panels<T> gradient;
  std::size_t rows;
  std::size_t columns;
  T alpha;
};

/// score[i] = 1 where row i of the prediction names the right class, else 0. With labels, or targets of several columns: the first
/// largest column (of the target too). With one column of targets: the same side of `threshold` as the target is of 1/2.
template <class T>
struct AccuracyArgs {
  Panels<const T> prediction;
  Panels<const T> target;
  const std::int32_t* label;
  T* score;
  std::size_t rows;
  std::size_t columns;
  T threshold;
};

/// score[i] = 1 where fewer than k columns of row i of the prediction stand before the right class, else 0: larger ones, and equal
/// ones further left; a NaN stands nowhere. The right class is the label, or the target's first largest column.
template <class T>
struct TopKArgs {
  Panels<const T> prediction;
  Panels<const T> target;
  const std::int32_t* label;
  T* score;
  std::size_t rows;
  std::size_t columns;
  std::size_t k;
};

/// What the elements of a caller's array are.
enum class Source : std::uint8_t {
#define CHAINRULE_SOURCE(name, type) name,
#include "kernels/sources.inc"
#undef CHAINRULE_SOURCE
};

/// Bytes of an element.
constexpr std::size_t size_of(Source source) noexcept {
  constexpr std::size_t kSizes[] = {
#define CHAINRULE_SOURCE(name, type) sizeof(type),
#include "kernels/sources.inc"
#undef CHAINRULE_SOURCE
  };
  return kSizes[static_cast<std::size_t>(source)];
}

/// dst row i = scale * source row index[i] (i itself where index is null), each element cast to T first, for `rows` rows of
/// `columns` columns; padding lanes are set to 0. Strides are in bytes, of any sign; the source may be misaligned. *finite becomes
/// false where an element as T is NaN or infinite.
template <class T>
struct GatherArgs {
  const void* source;
  std::ptrdiff_t row_stride;
  std::ptrdiff_t column_stride;
  const std::int64_t* index;
  Panels<T> dst;
  std::size_t rows;
  std::size_t columns;
  T scale;
  Source type;
  bool* finite;
};

/// mask[i, j] = scale with probability keep, else 0, from Philox(seed) at the counter (stream word, layer, step, element), where
/// the element is (first_row + i) * columns + j, four to a block: any thread may fill any rows.
template <class T>
struct DropoutArgs {
  Panels<T> mask;
  std::size_t rows;
  std::size_t columns;
  std::size_t first_row;
  std::uint64_t seed;
  std::uint64_t step;
  std::uint32_t layer;
  std::uint32_t keep_below;  // a draw below it keeps the element: round(keep * 2^32), at most 2^32 - 1
  T scale;
};

/// What an update needs beside the gradient. One struct for all optimizers: each reads its own fields.
template <class T>
struct UpdateScalars {
  T lr;               // learning rate of this step; Adam: lr / (1 - beta1^t); Adagrad: lr / (1 + (t - 1) lr_decay)
  T weight_decay;     // L2 term added to the gradient
  T decay_factor;     // decoupled decay: w is first multiplied by it (1 - lr * decay); 1 for none
  T momentum;         // SGD, RMSprop; a moving average's decay
  T beta1;            // Adam, Lion
  T one_minus_beta1;  // rounded once from double
  T beta2;            // Adam, Lion; RMSprop's alpha
  T one_minus_beta2;
  T epsilon;
  T inverse_sqrt_bias2;  // 1 / sqrt(1 - beta2^t)
};

/// g = fma(2 l2, w, g) + l1 sign(w) for n consecutive elements, the gradient of l1 |w| + l2 w^2 added to g; sign(0) is 0. As for
/// updates, n is a multiple of the panel width and both pointers are 64-byte aligned.
template <class T>
struct PenaltyArgs {
  const T* w;
  T* g;
  std::size_t n;
  T l1;
  T l2;
};

/// w, and the state arrays first, second and third, updated in place from g for n consecutive elements.
template <class T>
struct UpdateArgs {
  T* w;
  T* first;
  T* second;
  T* third;
  const T* g;
  std::size_t n;
  const UpdateScalars<T>* scalars;
};

/// The same where the batch has one row, so that the gradient is an outer product which need not be stored: w[i, j] is updated from
/// fma(x[i], dz[j], +0), as gemm_weight_gradient computes it. x and dz are that row, from the block's start; `rows` rows and
/// `panels` panels of w, and of its state, whose panels lie as far apart as w's.
template <class T>
struct OuterUpdateArgs {
  Panels<T> w;
  T* first;
  T* second;
  T* third;
  Panels<const T> x;
  Panels<const T> dz;
  std::size_t rows;
  std::size_t panels;
  const UpdateScalars<T>* scalars;
};

/// sums[l] grows by the squares of g[l], g[l + W], g[l + 2 W], ... below n, in this order and in double; W is the panel width, and
/// n a multiple of it.
template <class T>
struct SquareSumArgs {
  const T* g;
  std::size_t n;
  double* sums;
};

}  // namespace chainrule::kernels
