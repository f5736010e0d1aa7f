#include "base/digits.h"

#include <cmath>
#include <cstdio>

namespace chainrule {

std::string digits(double value) {
  char out[64];
  const double size = std::abs(value);
  // What would round up to one digit more before the point has one less after it.
  const int decimals = size >= 99.95 || size == 0 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  std::snprintf(out, sizeof(out), "%.*f", decimals, value);
  return out;
}

std::string digits(double value, const char* unit) {
  const char* prefix = "";
  for (const char* larger : {"k", "M", "G", "T", "P"}) {
    if (std::abs(value) < 999.5) break;
    value /= 1000;
    prefix = larger;
  }
  return digits(value) + " " + prefix + unit;
}

}  // namespace chainrule
