// Results as JSON on standard output: {"isa": ..., "results": [{...}, ...]}, one line for each measurement.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>

#include "timing.h"

namespace chainrule::bench {

/// A field's value: text in quotes, a number as it is. Names here need no escapes.
struct Value {
  Value(const char* text) : json('"' + std::string(text) + '"') {}
  Value(const std::string& text) : json('"' + text + '"') {}
  Value(std::size_t number) : json(std::to_string(number)) {}
  Value(int number) : json(std::to_string(number)) {}
  std::string json;
};

class Report {
 public:
  explicit Report(const char* isa);
  ~Report();
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  /// One result: what was measured, its seconds per call, and the work of a call in units (FLOP, bytes, elements).
  void add(std::initializer_list<std::pair<const char*, Value>> what, const Spread& seconds, double work);

 private:
  bool first_ = true;
};

}  // namespace chainrule::bench
