// The interface through which the executor says what it is doing. Nothing listens yet: every call is empty and compiles to nothing.
#pragma once

#include <string_view>

namespace chainrule::profile {

/// One planned operation on one thread, from construction to destruction.
class Span {
 public:
  explicit Span(std::string_view /*operation*/) noexcept {}
  ~Span() noexcept {}  // not defaulted: a span is used by being alive
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;
};

}  // namespace chainrule::profile
