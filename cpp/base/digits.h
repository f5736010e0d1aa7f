// Numbers for people: three significant digits, no exponent.
#pragma once

#include <string>

namespace chainrule {

[[nodiscard]] std::string digits(double value);
/// With the prefix that leaves 1 to 999 before the unit: "1.23 MFLOP".
[[nodiscard]] std::string digits(double value, const char* unit);

}  // namespace chainrule
