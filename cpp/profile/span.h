// What the executor says of its work: spans, one for each planned operation on each thread. Branches while nobody listens.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "profile/ticks.h"

namespace chainrule::profile {

/// What a span is of: an operation, and the layer that it belongs to. Labels are numbered as they are first asked for, and stay.
using Label = std::uint32_t;

/// The labels of what belongs to no plan.
enum Always : Label {
  gathering,
  targets,
  waiting,
  training_loop,
  evaluation,
  prediction,
  unpacking,
  row_gradients,
  loss_value,
  rows_so_far
};

/// The label of an operation; takes a lock, and is to be asked for when plans are made. `type` is that of its numbers, "float32" or
/// "float64", or "" where it computes nothing.
[[nodiscard]] Label label(std::string_view operation, std::string_view layer = {}, std::string_view type = {});

/// Floating-point operations, and bytes read and written, as the shapes have them.
struct Work {
  double flops = 0;
  double bytes = 0;

  Work& operator+=(const Work& other) noexcept {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
};

namespace detail {
inline std::atomic<bool> g_listening{false};
void begin(Label what, Work work) noexcept;
void end() noexcept;
void count_step() noexcept;
void sample(Label what, double value) noexcept;
}  // namespace detail

/// Whether a profile is being taken.
[[nodiscard]] inline bool listening() noexcept { return detail::g_listening.load(std::memory_order_relaxed); }

/// Work on the calling thread, from construction to destruction. Spans lie within each other.
class Span {
 public:
  explicit Span(Label what) noexcept : open_(listening()) {
    if (open_) [[unlikely]]
      detail::begin(what, {});
  }
  /// `work()` is only asked for while a profile is taken.
  template <class Ask>
  Span(Label what, const Ask& work) noexcept : open_(listening()) {
    if (open_) [[unlikely]]
      detail::begin(what, work());
  }
  ~Span() {
    if (open_) [[unlikely]]
      detail::end();
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;

 private:
  bool open_;
};

namespace detail {
template <class Ask, class Body>
[[gnu::noinline]] void in_span(Label what, Ask work, Body body) {
  const Span span(what, work);
  body();
}
}  // namespace detail

/// Runs body() as a span, for what takes some nanoseconds: while nobody listens one branch, where a Span has two and keeps a flag.
template <class Ask, class Body>
inline void spanned(Label what, const Ask& work, const Body& body) {
  if (listening()) [[unlikely]]
    return detail::in_span(what, work, body);
  body();
}

/// Begins a step of training, or another unit by which a trace is cut, on the calling thread.
inline void count_step() noexcept {
  if (listening()) [[unlikely]]
    detail::count_step();
}

/// A value at this time, such as the loss.
inline void sample(Label what, double value) noexcept {
  if (listening()) [[unlikely]]
    detail::sample(what, value);
}

}  // namespace chainrule::profile
