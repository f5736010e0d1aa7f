#include <algorithm>
#include <cmath>
#include <limits>

#include "plan/copy_columns.h"
#include "plan/execute.h"

namespace chainrule::plan {
namespace {

using kernels::kPanelWidth;
using kernels::panel_count;
using kernels::Panels;

// Rows that go through all steps together: 256 rows of 512 float features are half a megabyte, which a core's second-level cache
// holds beside the panels of weights that stream past. Fewer rows would stream the weights more often.
constexpr std::size_t kRowBlock = 256;

template <class T>
Panels<const T> read_only(Panels<T> panels) {
  return {panels.data, panels.stride};
}

/// One step on one block of rows.
template <class T>
class Runner {
 public:
  /// `part` of `parts`: the share of each step's panels; steps that work on whole rows take all.
  Runner(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, Range rows, int part = 0,
         int parts = 1)
      : program_(program),
        parameters_(parameters),
        context_(context),
        rows_(rows),
        count_(rows.end - rows.begin),
        part_(part),
        parts_(parts) {}

  void run(const RowStep<T>& step) const {
    profile::spanned(
        step.label, [&] { return work_of(step); }, [&] { execute(step); });
  }

 private:
  void execute(const RowStep<T>& step) const {
    switch (step.kind) {
      case StepKind::dense:
      case StepKind::input_gradient:
        return product(step);
      case StepKind::sparse_dense:
        return sparse_product(step);
      case StepKind::unary:
        return for_panels(step.out, [&](std::size_t at) {
          step.unary({source(step.a, at), destination(step.out, at), count_ * kPanelWidth<T>, step.alpha});
        });
      case StepKind::unary_backward:
        return for_panels(step.out, [&](std::size_t at) {
          step.unary_backward(
              {source(step.a, at), source(step.saved, at), destination(step.out, at), count_ * kPanelWidth<T>, step.alpha});
        });
      case StepKind::binary:
        return for_panels(step.out, [&](std::size_t at) {
          step.binary({source(step.a, at), source(step.b, at), destination(step.out, at), count_ * kPanelWidth<T>});
        });
      case StepKind::row:
        return step.row({read_only(block(step.a)), block(step.out), count_, step.out.columns, step.alpha});
      case StepKind::row_backward:
        return step.row_backward(
            {read_only(block(step.a)), read_only(block(step.saved)), block(step.out), count_, step.out.columns, step.alpha});
      case StepKind::scale_shift:
      case StepKind::standardize_columns:
        return by_column(step);
      case StepKind::standardize_batch:
        return standardize_batch(step);
      case StepKind::standardize_batch_backward:
        return standardize_batch_backward(step);
      case StepKind::repeat_row:
        return repeat(step);
      case StepKind::slice_columns:
        return copy_columns<T>(read_only(block(step.a)), step.first_column, block(step.out), 0, count_, step.out.columns);
      case StepKind::place_columns:
        return place(step);
      case StepKind::join_columns:
        return join(step);
      case StepKind::embedding:
        return look_up(step);
      case StepKind::dropout_mask:
        return mask(step);
      case StepKind::loss:
        return loss(step);
      case StepKind::function:
        return step.function->by_element() ? by_element(step) : by_row(step);
      case StepKind::loss_function:
        by_row(step);
        return metrics(step, step.operands[step.operands.size() - 2], step.operands.back());
    }
  }

  /// What this member does of the step.
  [[nodiscard]] profile::Work work_of(const RowStep<T>& step) const {
    const Range mine = panels(step.out);
    const auto all = static_cast<double>(std::max<std::size_t>(panel_count<T>(step.out.columns), 1));
    const double part = parts_ == 1 ? 1.0 : static_cast<double>(mine.end - mine.begin) / all;
    auto units = static_cast<double>(count_);  // rows, or entries of sparse ones
    if (step.input != kNoInput) {
      const kernels::SparseRows<T> x = context_.sparse[step.input].view(rows_.begin);
      units = static_cast<double>(x.entries(count_));
    }
    return {part * step.flops_per_row * units,
            part * (step.bytes_per_row * static_cast<double>(count_) + step.bytes_of_parameters)};
  }

  [[nodiscard]] Panels<T> block(Slot slot) const {
    return slot.columns == 0 ? Panels<T>{} : panels_of(program_, slot, context_.workspace).from_row(rows_.begin);
  }
  [[nodiscard]] T* destination(Slot slot, std::size_t at) const { return block(slot).data + at; }
  [[nodiscard]] const T* source(Slot slot, std::size_t at) const { return destination(slot, at); }
  [[nodiscard]] Range panels(Slot slot) const { return share(panel_count<T>(slot.columns), part_, parts_); }
  template <class Run>
  void for_panels(Slot slot, const Run& run) const {
    const Range mine = panels(slot);
    for (std::size_t panel = mine.begin; panel < mine.end; ++panel) run(panel * program_.stride);
  }

  void product(const RowStep<T>& step) const { step.gemm(product_args(step)); }
  void sparse_product(const RowStep<T>& step) const {
    step.sparse({context_.sparse[step.input].view(rows_.begin), product_args(step)});
  }
  [[nodiscard]] kernels::GemmArgs<T> product_args(const RowStep<T>& step) const {
    const Range mine = panels(step.out);
    const auto from = [&](Panels<const T> all) { return all.data == nullptr ? all : all.from_panel(mine.begin); };
    const Parameter<T>& weight = parameters_[step.weight];
    const PanelMatrix<T>& right = step.kind == StepKind::input_gradient ? weight.transposed : weight.value;
    const Panels<const T> bias = step.bias == kNoParameter ? Panels<const T>{} : parameters_[step.bias].value.panels();
    return {read_only(block(step.a)),
            from(right.panels()),
            block(step.out).from_panel(mine.begin),
            from(bias),
            from(read_only(block(step.saved))),
            count_,
            step.a.columns,
            mine.end - mine.begin,
            step.epilogue};
  }

  /// The panels [mine.begin, mine.end) of a parameter of one row; none where there is no such parameter.
  [[nodiscard]] Panels<const T> row_of(std::size_t parameter, Range mine) const {
    if (parameter == kNoParameter) return {};
    const PanelMatrix<T>& value = parameters_[parameter].value;
    return value.panels().from_panel(mine.begin);
  }

  void by_column(const RowStep<T>& step) const {
    const Range mine = panels(step.out);
    const bool standardizes = step.kind == StepKind::standardize_columns;
    const Panels<const T> weight = row_of(step.weight, mine);
    const Panels<const T> bias = row_of(step.bias, mine);
    step.column({read_only(block(step.a)).from_panel(mine.begin), standardizes ? bias : weight, standardizes ? weight : bias,
                 block(step.out).from_panel(mine.begin), count_, mine.end - mine.begin, step.alpha});
  }

  /// Row 0 of a slot, from the first of this member's panels.
  [[nodiscard]] Panels<T> row_zero(Slot slot, Range mine) const {
    return panels_of(program_, slot, context_.workspace).from_panel(mine.begin);
  }

  void standardize_batch(const RowStep<T>& step) const {
    const Range mine = panels(step.out);
    program_.table->standardize_batch_forward({read_only(block(step.a)).from_panel(mine.begin),
                                               block(step.out).from_panel(mine.begin), row_zero(step.mean, mine),
                                               row_zero(step.variance, mine), count_, mine.end - mine.begin, step.alpha});
  }

  void standardize_batch_backward(const RowStep<T>& step) const {
    const Range mine = panels(step.out);
    program_.table->standardize_batch_backward({read_only(block(step.a)).from_panel(mine.begin),
                                                read_only(block(step.saved)).from_panel(mine.begin),
                                                read_only(row_zero(step.mean, mine)), read_only(row_zero(step.variance, mine)),
                                                block(step.out).from_panel(mine.begin), count_, mine.end - mine.begin, step.alpha});
  }

  void repeat(const RowStep<T>& step) const {
    const Panels<const T> row = row_of(step.weight, {0, 0});
    for (std::size_t panel = 0; panel < panel_count<T>(step.out.columns); ++panel) {
      T* out = block(step.out).from_panel(panel).data;
      for (std::size_t i = 0; i < count_; ++i, out += kPanelWidth<T>) std::copy_n(row.from_panel(panel).data, kPanelWidth<T>, out);
    }
  }

  void place(const RowStep<T>& step) const {
    for (std::size_t panel = 0; panel < panel_count<T>(step.out.columns); ++panel) {
      std::fill_n(block(step.out).from_panel(panel).data, count_ * kPanelWidth<T>, T{0});
    }
    copy_columns<T>(read_only(block(step.a)), 0, block(step.out), step.first_column, count_, step.a.columns);
  }

  void join(const RowStep<T>& step) const {
    std::size_t column = 0;
    for (const Slot operand : step.operands) {
      copy_columns<T>(read_only(block(operand)), 0, block(step.out), column, count_, operand.columns);
      column += operand.columns;
    }
  }

  void look_up(const RowStep<T>& step) const {
    const Parameter<T>& table = parameters_[step.weight];
    const Panels<const T> number = read_only(block(step.a));
    const Panels<const T> rows = table.value.panels();
    bool known = true;
    for (std::size_t row = 0; row < count_; ++row) {
      for (std::size_t column = 0; column < step.a.columns; ++column) {
        const std::size_t which = row_named(*number.at(row, column), table.rows);
        known = known && which < table.rows;
        copy_columns<T>(rows.from_row(which < table.rows ? which : 0), 0, block(step.out).from_row(row), column * table.columns, 1,
                        table.columns);
      }
    }
    if (!known) context_.known->store(false, std::memory_order_relaxed);
  }

  void mask(const RowStep<T>& step) const {
    const double keep = 1.0 - static_cast<double>(step.alpha);
    const double below = std::min(std::nearbyint(keep * 0x1p32), static_cast<double>(std::numeric_limits<std::uint32_t>::max()));
    program_.table->dropout_mask({block(step.out), count_, step.out.columns, rows_.begin, context_.random_seed,
                                  context_.random_step, static_cast<std::uint32_t>(step.key), static_cast<std::uint32_t>(below),
                                  keep > 0 ? static_cast<T>(1.0 / keep) : T{0}});
  }

  [[nodiscard]] const HeadRows<T>& head(const RowStep<T>& step) const { return context_.heads[step.head]; }
  [[nodiscard]] const std::int32_t* label(const RowStep<T>& step) const {
    return head(step).label == nullptr ? nullptr : head(step).label + rows_.begin;
  }

  void loss(const RowStep<T>& step) const {
    const Panels<const T> prediction = read_only(block(step.a));
    const Panels<const T> target = read_only(block(step.b));
    step.loss({prediction, target, label(step), seed(step), head(step).loss + rows_.begin, block(step.out), count_, step.a.columns,
               step.alpha});
    metrics(step, step.a, step.b);
  }

  [[nodiscard]] const T* seed(const RowStep<T>& step) const {
    return head(step).seed == nullptr ? nullptr : head(step).seed + rows_.begin;
  }

  void metrics(const RowStep<T>& step, Slot of_prediction, Slot of_target) const {
    const Panels<const T> prediction = read_only(block(of_prediction));
    const Panels<const T> target = read_only(block(of_target));
    const std::size_t columns = of_prediction.columns;
    const auto keep = [&](Panels<const T> from, T* to) {
      if (to != nullptr) unpack(from, count_, columns, to + rows_.begin * columns);
    };
    keep(prediction, head(step).kept.prediction);
    keep(target, head(step).kept.target);
    for (const RowMetric<T>& metric : head(step).metrics) {
      T* value = metric.value + rows_.begin;
      switch (metric.metric) {
        case Metric::accuracy:
          program_.table->accuracy({prediction, target, label(step), value, count_, columns, metric.threshold});
          break;
        case Metric::top_k:
          program_.table->top_k({prediction, target, label(step), value, count_, columns, metric.k});
          break;
        case Metric::mse:
          program_.table->mse_loss({prediction, target, nullptr, nullptr, value, {}, count_, columns, 0});
          break;
        case Metric::mae:
          program_.table->mae_loss({prediction, target, nullptr, nullptr, value, {}, count_, columns, 0});
          break;
      }
    }
  }

  /// A function of whole rows; of a loss the first output is the rows' losses.
  void by_row(const RowStep<T>& step) const {
    const bool is_loss = step.kind == StepKind::loss_function;
    step.function->template run<T>(
        count_,
        [&](std::size_t i, std::size_t first, std::size_t count, T* to) {
          const Slot from = step.operands[i];
          if (from.columns == 0) {
            std::copy_n(seed(step) + first, count, to);
          } else {
            unpack(read_only(block(from)).from_row(first), count, from.columns, to);
          }
        },
        [&](std::size_t i, std::size_t first, std::size_t count, const T* from) {
          if (is_loss && i == 0) {
            std::copy_n(from, count, head(step).loss + rows_.begin + first);
          } else {
            pack(from, count, step.out.columns, block(step.out).from_row(first));
          }
        });
  }

  /// A function of single elements: a panel is as good a row as any.
  void by_element(const RowStep<T>& step) const {
    const std::size_t width = step.out.columns;
    for_panels(step.out, [&](std::size_t at) {
      const std::size_t elements = count_ * kPanelWidth<T>;
      const auto count_of = [&](std::size_t first, std::size_t count) { return std::min(count * width, elements - first * width); };
      step.function->template run<T>((elements + width - 1) / width,
                                     [&](std::size_t i, std::size_t first, std::size_t count, T* to) {
                                       std::copy_n(source(step.operands[i], at) + first * width, count_of(first, count), to);
                                     },
                                     [&](std::size_t /*i*/, std::size_t first, std::size_t count, const T* from) {
                                       std::copy_n(from, count_of(first, count), destination(step.out, at) + first * width);
                                     });
    });
  }

  const Program<T>& program_;
  const Parameters<T>& parameters_;
  const RowContext<T>& context_;
  Range rows_;
  std::size_t count_;
  int part_;
  int parts_;
};

}  // namespace

template <class T>
void run_steps(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, Range rows,
               std::size_t first, std::size_t last) {
  const Runner<T> runner(program, parameters, context, rows);
  for (std::size_t i = first; i < last; ++i) runner.run(program.steps[i]);
}

template <class T>
void run_blocks(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, Range rows,
                std::size_t first, std::size_t last) {
  for (std::size_t begin = rows.begin; begin < rows.end; begin += kRowBlock) {
    run_steps(program, parameters, context, {begin, std::min(begin + kRowBlock, rows.end)}, first, last);
  }
}

template <class T>
void run_rows(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, Range rows) {
  run_blocks(program, parameters, context, rows, 0, program.steps.size());
}

template <class T>
void run_rows(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, std::size_t rows,
              const Member& member) {
  const Range mine = share(rows, member.thread, member.threads);
  std::size_t first = 0;
  for (const std::size_t i : program.whole_batch) {
    const RowStep<T>& step = program.steps[i];
    run_blocks(program, parameters, context, mine, first, i);
    first = i + 1;
    wait_at(member.barrier);
    Runner<T>(program, parameters, context, {0, rows}, member.thread, member.threads).run(step);
    wait_at(member.barrier);
  }
  run_blocks(program, parameters, context, mine, first, program.steps.size());
}

template <class T>
void run_columns(const Program<T>& program, const Parameters<T>& parameters, const RowContext<T>& context, std::size_t rows,
                 const Member& member) {
  const auto [thread, threads, barrier] = member;
  const Range mine = share(rows, thread, threads);
  ColumnWalk walk(threads);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const RowStep<T>& step = program.steps[i];
    const bool whole = takes_whole_batch(step.kind);
    const auto [by_panels, waits] = walk.next(panels_to_share(step), rewrites(program.steps, i), whole);
    if (waits) wait_at(barrier);
    if (!by_panels) {
      if (mine.begin < mine.end) Runner<T>(program, parameters, context, mine).run(step);
      continue;
    }
    for (std::size_t begin = 0; begin < rows; begin += whole ? rows : kRowBlock) {
      const std::size_t end = whole ? rows : std::min(begin + kRowBlock, rows);
      Runner<T>(program, parameters, context, {begin, end}, thread, threads).run(step);
    }
  }
}

#define CHAINRULE_INSTANTIATE(T)                                                                                            \
  template void run_steps(const Program<T>&, const Parameters<T>&, const RowContext<T>&, Range, std::size_t, std::size_t);  \
  template void run_blocks(const Program<T>&, const Parameters<T>&, const RowContext<T>&, Range, std::size_t, std::size_t); \
  template void run_rows(const Program<T>&, const Parameters<T>&, const RowContext<T>&, Range);                             \
  template void run_rows(const Program<T>&, const Parameters<T>&, const RowContext<T>&, std::size_t, const Member&);        \
  template void run_columns(const Program<T>&, const Parameters<T>&, const RowContext<T>&, std::size_t, const Member&);
CHAINRULE_INSTANTIATE(float)
CHAINRULE_INSTANTIATE(double)
#undef CHAINRULE_INSTANTIATE

}  // namespace chainrule::plan
