// One overload of `measure` for each kind of argument: it makes operands of the sizes asked for and times the kernel on them. The
// kernels come from kernels.inc, so that a new one is measured as soon as it is listed.
#include <random>

#include "base/buffer.h"
#include "kernels/table.h"
#include "measurements.h"

namespace chainrule::bench {
namespace {

using namespace chainrule::kernels;

/// Positive numbers of ordinary size, which every function takes.
template <class T>
Buffer<T> random_values(std::size_t n) {
  static std::mt19937_64 engine(20260101);
  std::uniform_real_distribution<T> uniform(T(0.01), T(4));
  Buffer<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = uniform(engine);
  return values;
}

template <class T>
class Matrix {
 public:
  Matrix(std::size_t rows, std::size_t columns)
      : stride_(panel_stride<T>(rows)), memory_(random_values<T>(panel_count<T>(columns) * stride_)) {}
  Panels<T> panels() { return {memory_.data(), stride_}; }
  Panels<const T> view() const { return {memory_.data(), stride_}; }

 private:
  std::size_t stride_;
  Buffer<T> memory_;
};

/// What a kernel is measured with.
struct Context {
  const Options& options;
  Report& report;
  const char* kernel;
  const char* dtype;

  /// Times `run`, whose work is `work` elements, or FLOP for a product.
  template <class Run>
  void time(const std::string& size, const char* unit, double work, const Run& run) const {
    report.add({{"kernel", kernel}, {"dtype", dtype}, {"size", size}, {"unit", unit}}, time_of(options.seconds, run), work);
  }
};

std::string size_text(std::size_t rows, std::size_t columns) { return std::to_string(rows) + "x" + std::to_string(columns); }

/// Calls run(rows, columns) for batches of a few typical widths of an output.
template <class Run>
void for_outputs(const Run& run) {
  for (const std::size_t columns : {std::size_t{1}, std::size_t{10}, std::size_t{100}, std::size_t{1000}}) run(256, columns);
}

template <class T>
void measure(const Context& context, void (*kernel)(const GemmArgs<T>&)) {
  for (const Shape& s : context.options.shapes) {
    const Matrix<T> a(s.m, s.k);
    const Matrix<T> b(s.k, s.n);
    Matrix<T> c(s.m, s.n);
    const GemmArgs<T> args = {a.view(), b.view(), c.panels(), {}, {}, s.m, s.k, panel_count<T>(s.n), Epilogue::none};
    context.time(size_text(s.m, s.k) + "x" + std::to_string(s.n), "FLOP", 2.0 * static_cast<double>(s.m * s.k * s.n),
                 [&] { kernel(args); });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const WeightGradientArgs<T>&)) {
  for (const Shape& s : context.options.shapes) {
    const Matrix<T> x(s.m, s.k);
    const Matrix<T> dz(s.m, s.n);
    Matrix<T> g(s.k, s.n);
    const WeightGradientArgs<T> args = {x.view(), dz.view(), g.panels(), s.m, s.k, panel_count<T>(s.n)};
    context.time(size_text(s.m, s.k) + "x" + std::to_string(s.n), "FLOP", 2.0 * static_cast<double>(s.m * s.k * s.n),
                 [&] { kernel(args); });
  }
}

/// Rows of kEntries entries each, evenly spread over the columns.
template <class T>
class SparseMatrix {
 public:
  static constexpr std::size_t kEntries = 100;
  SparseMatrix(std::size_t rows, std::size_t columns)
      : rows_(rows), columns_(rows * kEntries), values_(random_values<T>(rows * kEntries)) {
    for (std::size_t i = 0; i < rows; ++i) {
      rows_[i] = {i * kEntries, (i + 1) * kEntries};
      for (std::size_t e = 0; e < kEntries; ++e) {
        columns_[i * kEntries + e] = static_cast<std::int32_t>((e * columns + i % columns) / kEntries);
      }
    }
  }
  SparseRows<T> view() const { return {rows_.data(), columns_.data(), values_.data()}; }

 private:
  Buffer<typename SparseRows<T>::Entries> rows_;
  Buffer<std::int32_t> columns_;
  Buffer<T> values_;
};

/// Calls run(a, rows, columns, outputs, time) for batches of sparse rows of typical widths.
template <class T, class Run>
void for_sparse(const Context& context, const Run& run) {
  for (const std::size_t outputs : {std::size_t{16}, std::size_t{64}, std::size_t{256}}) {
    constexpr std::size_t kRows = 64;
    constexpr std::size_t kColumns = 10000;
    const double flops = 2.0 * static_cast<double>(kRows * SparseMatrix<T>::kEntries * outputs);
    const SparseMatrix<T> a(kRows, kColumns);
    const auto time = [&](const auto& kernel) {
      context.time(size_text(kRows, kColumns) + "x" + std::to_string(outputs), "FLOP", flops, kernel);
    };
    run(a.view(), kRows, kColumns, outputs, time);
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const SparseForwardArgs<T>&)) {
  for_sparse<T>(context, [&](SparseRows<T> a, std::size_t rows, std::size_t columns, std::size_t outputs, const auto& time) {
    const Matrix<T> b(columns, outputs);
    Matrix<T> c(rows, outputs);
    time([&] { kernel({a, {{}, b.view(), c.panels(), {}, {}, rows, columns, panel_count<T>(outputs), Epilogue::none}}); });
  });
}

/// In tiles of 64 columns and 2 panels, as training takes them.
template <class T>
void measure(const Context& context, void (*kernel)(const SparseWeightGradientArgs<T>&)) {
  constexpr std::size_t kTile = 64;
  for_sparse<T>(context, [&](SparseRows<T> x, std::size_t rows, std::size_t columns, std::size_t outputs, const auto& time) {
    const Matrix<T> dz(rows, outputs);
    Matrix<T> g(kTile, outputs);
    Buffer<std::size_t> hints(rows);
    time([&] {
      for (std::size_t panel = 0; panel < panel_count<T>(outputs); panel += 2) {
        const std::size_t panels = std::min<std::size_t>(2, panel_count<T>(outputs) - panel);
        for (std::size_t first = 0; first < columns; first += kTile) {
          kernel({x, dz.view().from_panel(panel), g.panels().from_panel(panel), rows, first, std::min(kTile, columns - first),
                  panels, hints.data()});
        }
      }
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const TransposeArgs<T>&)) {
  for (const std::size_t n : {std::size_t{64}, std::size_t{1024}}) {
    const Matrix<T> src(n, n);
    Matrix<T> dst(n, n);
    context.time(size_text(n, n), "element", static_cast<double>(n * n), [&] { kernel({src.view(), dst.panels(), n, n}); });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const ColumnSumArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> x(rows, columns);
    Matrix<T> sum(1, columns);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({x.view(), sum.panels(), rows, panel_count<T>(columns)});
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const UnaryArgs<T>&)) {
  for (const std::size_t n : context.options.sizes) {
    const Buffer<T> x = random_values<T>(n);
    Buffer<T> y(n);
    context.time(std::to_string(n), "element", static_cast<double>(n), [&] { kernel({x.data(), y.data(), n, T{1}}); });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const UnaryBackwardArgs<T>&)) {
  for (const std::size_t n : context.options.sizes) {
    const Buffer<T> g = random_values<T>(n);
    const Buffer<T> saved = random_values<T>(n);
    Buffer<T> gx(n);
    context.time(std::to_string(n), "element", static_cast<double>(n), [&] {
      kernel({g.data(), saved.data(), gx.data(), n, T{1}});
    });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const BinaryArgs<T>&)) {
  for (const std::size_t n : context.options.sizes) {
    const Buffer<T> a = random_values<T>(n);
    const Buffer<T> b = random_values<T>(n);
    Buffer<T> y(n);
    context.time(std::to_string(n), "element", static_cast<double>(n), [&] { kernel({a.data(), b.data(), y.data(), n}); });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const RowArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> x(rows, columns);
    Matrix<T> y(rows, columns);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({x.view(), y.panels(), rows, columns, T(1e-5)});
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const RowBackwardArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> g(rows, columns);
    const Matrix<T> y(rows, columns);
    Matrix<T> gx(rows, columns);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({g.view(), y.view(), gx.panels(), rows, columns, T(1e-5)});
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const ColumnArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> x(rows, columns);
    const Matrix<T> a(1, columns);
    const Matrix<T> b(1, columns);
    Matrix<T> y(rows, columns);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({x.view(), a.view(), b.view(), y.panels(), rows, panel_count<T>(columns), T(1e-5)});
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const StandardizeBatchArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> x(rows, columns);
    Matrix<T> y(rows, columns);
    Matrix<T> mean(1, columns);
    Matrix<T> variance(1, columns);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({x.view(), y.panels(), mean.panels(), variance.panels(), rows, panel_count<T>(columns), T(1e-5)});
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const StandardizeBatchBackwardArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> g(rows, columns);
    const Matrix<T> x(rows, columns);
    const Matrix<T> mean(1, columns);
    const Matrix<T> variance(1, columns);
    Matrix<T> gx(rows, columns);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({g.view(), x.view(), mean.view(), variance.view(), gx.panels(), rows, panel_count<T>(columns), T(1e-5)});
    });
  });
}

/// Class indices 0, 1, 2, ... below `columns`.
Buffer<std::int32_t> labels(std::size_t rows, std::size_t columns) {
  Buffer<std::int32_t> label(rows);
  for (std::size_t i = 0; i < rows; ++i) label[i] = static_cast<std::int32_t>(i % columns);
  return label;
}

bool takes_labels(const std::string& kernel) {
#define CHAINRULE_LOSS(name, alpha, labels, values) \
  if (kernel == #name "_loss") return labels;
#include "kernels/losses.inc"
#undef CHAINRULE_LOSS
  return false;
}

template <class T>
void measure(const Context& context, void (*kernel)(const LossArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> prediction(rows, columns);
    const Matrix<T> target(rows, columns);
    const Buffer<std::int32_t> label = labels(rows, columns);
    const bool labelled = takes_labels(context.kernel);
    const Buffer<T> seed = random_values<T>(rows);
    Buffer<T> loss(rows);
    Matrix<T> gradient(rows, columns);
    const LossArgs<T> args = {prediction.view(),
                              labelled ? Panels<const T>{} : target.view(),
                              labelled ? label.data() : nullptr,
                              seed.data(),
                              loss.data(),
                              gradient.panels(),
                              rows,
                              columns,
                              T(0.1)};
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] { kernel(args); });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const AccuracyArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> prediction(rows, columns);
    const Matrix<T> target(rows, columns);
    const Buffer<std::int32_t> label = labels(rows, columns);
    Buffer<T> score(rows);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({prediction.view(), target.view(), label.data(), score.data(), rows, columns, T{0}});
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const TopKArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    const Matrix<T> prediction(rows, columns);
    const Buffer<std::int32_t> label = labels(rows, columns);
    Buffer<T> score(rows);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({prediction.view(), {}, label.data(), score.data(), rows, columns, 5});
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const GatherArgs<T>&)) {
  constexpr std::size_t kRows = 256;
  constexpr std::size_t kSource = 8192;
  for (const std::size_t columns : {std::size_t{8}, std::size_t{784}}) {
    const Buffer<T> source = random_values<T>(kSource * columns);
    Buffer<std::int64_t> index(kRows);
    for (std::size_t i = 0; i < kRows; ++i) index[i] = static_cast<std::int64_t>(i * 2654435761U % kSource);  // no order
    Matrix<T> dst(kRows, columns);
    const Source type = sizeof(T) == sizeof(float) ? Source::float32 : Source::float64;
    const auto row_bytes = static_cast<std::ptrdiff_t>(columns * sizeof(T));
    context.time(size_text(kRows, columns), "element", static_cast<double>(kRows * columns), [&] {
      bool finite = true;
      kernel({source.data(), row_bytes, sizeof(T), index.data(), dst.panels(), kRows, columns, T{1}, type, &finite});
    });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const DropoutArgs<T>&)) {
  for_outputs([&](std::size_t rows, std::size_t columns) {
    Matrix<T> mask(rows, columns);
    context.time(size_text(rows, columns), "element", static_cast<double>(rows * columns), [&] {
      kernel({mask.panels(), rows, columns, 0, 1, 1, 0, 0x80000000U, T{2}});
    });
  });
}

template <class T>
void measure(const Context& context, void (*kernel)(const PenaltyArgs<T>&)) {
  for (const std::size_t n : context.options.sizes) {
    const Buffer<T> w = random_values<T>(n);
    Buffer<T> g = random_values<T>(n);
    context.time(std::to_string(n), "element", static_cast<double>(n), [&] { kernel({w.data(), g.data(), n, T(1e-9), T(-1e-9)}); });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const UpdateArgs<T>&)) {
  const UpdateScalars<T> scalars = {T(1e-3), T(0), T(1), T(0.9), T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(1)};
  for (const std::size_t n : context.options.sizes) {
    Buffer<T> w = random_values<T>(n);
    Buffer<T> first(n);
    Buffer<T> second(n);
    Buffer<T> third(n);
    const Buffer<T> g = random_values<T>(n);
    context.time(std::to_string(n), "element", static_cast<double>(n), [&] {
      kernel({w.data(), first.data(), second.data(), third.data(), g.data(), n, &scalars});
    });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const OuterUpdateArgs<T>&)) {
  const UpdateScalars<T> scalars = {T(1e-3), T(0), T(1), T(0.9), T(0.9), T(0.1), T(0.999), T(0.001), T(1e-8), T(1)};
  for (const std::size_t n : context.options.sizes) {
    const std::size_t rows = std::max<std::size_t>(n / kPanelWidth<T>, 1);  // a panel of w
    const std::size_t elements = rows * kPanelWidth<T>;
    Buffer<T> w = random_values<T>(elements);
    Buffer<T> first(elements);
    Buffer<T> second(elements);
    Buffer<T> third(elements);
    const Buffer<T> x = random_values<T>(panel_count<T>(rows) * kPanelWidth<T>);
    const Buffer<T> dz = random_values<T>(kPanelWidth<T>);
    context.time(std::to_string(elements), "element", static_cast<double>(elements), [&] {
      kernel({{w.data(), elements},
              first.data(),
              second.data(),
              third.data(),
              {x.data(), kPanelWidth<T>},
              {dz.data(), kPanelWidth<T>},
              rows,
              1,
              &scalars});
    });
  }
}

template <class T>
void measure(const Context& context, void (*kernel)(const SquareSumArgs<T>&)) {
  for (const std::size_t given : context.options.sizes) {
    const std::size_t n = panel_count<T>(given) * kPanelWidth<T>;
    const Buffer<T> g = random_values<T>(n);
    double sums[kPanelWidth<T>] = {};
    context.time(std::to_string(n), "element", static_cast<double>(n), [&] { kernel({g.data(), n, sums}); });
  }
}

template <class T>
void measure_table(const Options& options, Report& report, const char* dtype) {
  const KernelTable<T>& table = tables_of(options.isa).of<T>();
#define CHAINRULE_KERNEL(name, Args) measure<T>(Context{options, report, #name, dtype}, table.name);
#include "kernels/kernels.inc"
#undef CHAINRULE_KERNEL
}

}  // namespace

void measure_kernels(const Options& options, Report& report) {
  for (const std::string& dtype : options.dtypes) {
    if (dtype == "f32") {
      measure_table<float>(options, report, "f32");
    } else {
      measure_table<double>(options, report, "f64");
    }
  }
}

}  // namespace chainrule::bench
