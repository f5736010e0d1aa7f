// Errors that cross the native boundary, and the text they carry: operation, expected, got.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace chainrule {

/// The base of chainrule's own errors; Python sees `chainrule.ChainruleError`.
/// Errors with a standard meaning use the standard types, which pybind11 maps: std::invalid_argument is ValueError,
/// std::out_of_range IndexError, std::bad_alloc MemoryError.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A value of a type that the operation does not take; Python sees TypeError.
class TypeError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// The loss became NaN or infinite at `step`; `layer` names the first layer whose values did.
class TrainingDiverged : public Error {
 public:
  TrainingDiverged(const std::string& text, std::int64_t at_step, std::string at_layer)
      : Error(text), step(at_step), layer(std::move(at_layer)) {}
  std::int64_t step;
  std::string layer;
};

/// What `text` writes into. Not inlined: it is used in hundreds of places.
class TextWriter {
 public:
  TextWriter();
  ~TextWriter();
  TextWriter(const TextWriter&) = delete;
  TextWriter& operator=(const TextWriter&) = delete;
  void add(std::string_view part);
  [[nodiscard]] std::ostream& stream() noexcept { return out_; }
  [[nodiscard]] std::string result() const;

 private:
  std::ostringstream out_;
};

/// Joins its arguments into one string.
template <class... Parts>
std::string text(const Parts&... parts) {
  TextWriter writer;
  const auto add = [&](const auto& part) {
    if constexpr (std::is_convertible_v<decltype(part), std::string_view>) {
      writer.add(part);
    } else {
      writer.stream() << part;
    }
  };
  (add(parts), ...);
  return writer.result();
}

/// Carries the first exception thrown inside a parallel region to the thread that opened it: an exception must never
/// leave an OpenMP region.
class ErrorCarrier {
 public:
  void capture() noexcept;
  void rethrow();
  [[nodiscard]] bool empty() const noexcept { return !taken_.test(); }

 private:
  std::exception_ptr error_;
  std::atomic_flag taken_;
};

}  // namespace chainrule
