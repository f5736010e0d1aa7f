// A derivative rule with its sign turned, on purpose: how tests prove that the checks of derivatives notice a wrong one.
#pragma once

#include <cstdint>

#include "graph/operation.h"

namespace chainrule::graph {

enum class Mode : std::uint8_t { jvp, vjp };

/// From now on the rule of `operation` for input number `input` has the wrong sign: of what goes back to the input (vjp), or of the
/// part of the tangent that comes from it (jvp). One rule at a time; null takes it back. Not for use while other threads
/// differentiate.
void negate_rule(const Operation* operation, Mode mode, int input) noexcept;

/// Whether this rule's sign is turned.
[[nodiscard]] bool is_negated(const Operation& operation, Mode mode, int input) noexcept;

}  // namespace chainrule::graph
